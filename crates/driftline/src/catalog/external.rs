//! Relations outside of the database: tables registered by `CREATE EXTERNAL TABLE`, for the life of the handle, and files named in
//! the place of a table.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::catalog::TableProvider;
use datafusion::datasource::listing::{
    ListingTable, ListingTableConfig, ListingTableConfigExt, ListingTableUrl,
};
use datafusion::error::Result as DfResult;

use super::Relations;
use crate::config::FileAccess;
use crate::error::{Error, ErrorKind, external};

/// External tables by name.
#[derive(Debug, Default)]
pub(crate) struct ExternalTables(RwLock<BTreeMap<String, Arc<dyn TableProvider>>>);

impl ExternalTables {
    pub(crate) fn get(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn insert(&self, name: String, provider: Arc<dyn TableProvider>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, provider);
    }

    pub(crate) fn remove(&self, name: &str) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// Opens a file, or a directory of files, as a table: Parquet, CSV or NDJSON by its ending.
pub(super) async fn open_file(name: &str, relations: &Relations) -> DfResult<Arc<dyn TableProvider>> {
    if relations.file_access() == FileAccess::Refused {
        let message = "reading files is not allowed in this session";
        return Err(external(Error::new(ErrorKind::PermissionDenied, message)));
    }
    let session = relations.engine().session();
    if !name.contains("://") && !std::path::Path::new(name).exists() {
        let message = format!("there is no table and no file \"{name}\"");
        return Err(external(Error::new(ErrorKind::NotFound, message)));
    }
    let config = ListingTableConfig::new(ListingTableUrl::parse(name)?)
        .infer_options(session)
        .await?
        .infer_schema(session)
        .await?;
    Ok(Arc::new(ListingTable::try_new(config)?))
}
