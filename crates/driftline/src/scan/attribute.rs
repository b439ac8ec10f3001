//! Columns of types that only SQL can read from an attribute, such as times: the text of the attribute is cast.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{can_cast_types, is_null};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::DFSchema;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::{col, lit, try_cast};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use crate::sql::ATTRIBUTES;

/// `TRY_CAST(attr(attributes, key) AS type)`: a value that does not fit the column stays in the attributes.
#[derive(Debug)]
pub(super) struct AttributeSource {
    expr: Arc<dyn PhysicalExpr>,
    schema: Arc<Schema>,
}

impl AttributeSource {
    /// `None` for a type that no text can be cast to, such as a list.
    pub(super) fn new(key: &str, data_type: &DataType, attributes: &DataType) -> DfResult<Option<Self>> {
        let functions = driftline_functions::scalars();
        let Some(attr) = functions.iter().find(|function| function.name() == "attr") else {
            return Ok(None);
        };
        if !can_cast_types(&DataType::Utf8, data_type) || data_type.is_nested() {
            return Ok(None);
        }
        let schema = Arc::new(Schema::new(vec![Field::new(ATTRIBUTES, attributes.clone(), true)]));
        let text = attr.call(vec![col(ATTRIBUTES), lit(key)]);
        let value = try_cast(text, data_type.clone());
        let schema_of_expr = DFSchema::try_from(schema.as_ref().clone())?;
        let expr =
            create_physical_expr(&value, &schema_of_expr, &ExecutionProps::new(), &Default::default())?;
        Ok(Some(Self { expr, schema }))
    }

    /// The known values, and where there is none the one of the attributes.
    pub(super) fn fill(&self, known: &ArrayRef, attributes: &ArrayRef) -> DfResult<ArrayRef> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::clone(attributes)])?;
        let values = self.expr.evaluate(&batch)?.into_array(known.len())?;
        Ok(zip(&is_null(known)?, &values, known)?)
    }
}
