//! The standard's system tables, as DataFusion makes them of the catalog, without its settings: those name the directories of the
//! server.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::Result as DfResult;

use super::{Catalogs, Relations};

/// The table of settings, which is there, as tools expect, and has no rows.
const SETTINGS: &str = "df_settings";

#[derive(Debug)]
pub(super) struct InformationSchema(InformationSchemaProvider);

impl InformationSchema {
    pub(super) fn new(relations: &Arc<Relations>) -> Self {
        let catalogs: Arc<dyn CatalogProviderList> = Arc::new(Catalogs::new(Arc::clone(relations)));
        let functions = relations.engine().session().table_functions().clone();
        Self(InformationSchemaProvider::new(catalogs).with_table_functions(functions))
    }
}

#[async_trait]
impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.table_names()
    }

    async fn table(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        let table = self.0.table(name).await?;
        Ok(match name.eq_ignore_ascii_case(SETTINGS) {
            true => table.map(|table| Arc::new(EmptyTable::new(table.schema())) as _),
            false => table,
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.table_exist(name)
    }
}
