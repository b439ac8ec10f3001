//! `attr`: reads one attribute out of the residual map.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ExpressionPlacement, ScalarFunctionArgs, ScalarUDFImpl,
    Signature, Volatility,
};

use super::texts::Texts;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attr {
    signature: Signature,
}

impl Attr {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Attr {
    fn name(&self) -> &str {
        "attr"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = arg_types.to_vec();
        if let Some(key @ DataType::Null) = coerced.get_mut(1) {
            *key = DataType::Utf8;
        }
        Ok(coerced)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [DataType::Null, key] if Texts::reads(key) => Ok(DataType::Utf8),
            [DataType::Map(entries, _), key] if Texts::reads(key) => match entries.data_type() {
                DataType::Struct(fields) if fields.iter().all(|field| Texts::reads(field.data_type())) => {
                    Ok(DataType::Utf8)
                }
                _ => plan_err!("attr: attributes must be MAP<TEXT, TEXT>, got {}", arg_types[0]),
            },
            [DataType::Map(..), key] => plan_err!("attr: key must be TEXT, got {key}"),
            [attributes, _] => plan_err!("attr: attributes must be MAP<TEXT, TEXT>, got {attributes}"),
            _ => plan_err!("attr: takes (attributes, key), got {} arguments", arg_types.len()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let attributes = args.args[0].to_array(rows)?;
        if attributes.data_type().is_null() {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        }
        let Some(attributes) = attributes.as_map_opt() else {
            return exec_err!("attr: attributes must be MAP<TEXT, TEXT>, got {}", attributes.data_type());
        };
        let (names, values) = (Texts::new(attributes.keys())?, Texts::new(attributes.values())?);
        // a constant key is one row, not one a row of the batch
        let constant = matches!(args.args[1], ColumnarValue::Scalar(_));
        let wanted = args.args[1].to_array(if constant { 1 } else { rows })?;
        let wanted = Texts::new(&wanted)?;
        let offsets = attributes.value_offsets();
        let mut found = StringBuilder::with_capacity(rows, 0);
        for row in 0..rows {
            let key = wanted.get(if constant { 0 } else { row });
            let value = match key {
                Some(key) if attributes.is_valid(row) => (offsets[row] as usize..offsets[row + 1] as usize)
                    .find(|&entry| names.get(entry) == Some(key))
                    .and_then(|entry| values.get(entry))
                    .and_then(attribute_text),
                _ => None,
            };
            found.append_option(value);
        }
        Ok(ColumnarValue::Array(Arc::new(found.finish())))
    }

    /// Cheap, and smaller than the map: a scan that keeps some attributes in columns then reads only these.
    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args {
            [ExpressionPlacement::Column, ExpressionPlacement::Literal] => {
                ExpressionPlacement::MoveTowardsLeafNodes
            }
            _ => ExpressionPlacement::KeepInPlace,
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// Reads a JSON value as `attr` does: a string without its quotes, null as nothing, everything else as it is written.
pub fn attribute_text(json: &str) -> Option<Cow<'_, str>> {
    if json == "null" {
        return None;
    }
    let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Some(json.into());
    };
    if inner.contains(['\\', '"']) {
        // not a JSON string after all: what was stored is the better answer than an error
        return Some(serde_json::from_str::<String>(json).map_or(json.into(), Cow::Owned));
    }
    Some(inner.into())
}

pub(super) const TELEMETRY: DocSection = DocSection {
    include: true,
    label: "Telemetry",
    description: Some("What OpenTelemetry clients sent without a column of its own, and what it cost."),
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        TELEMETRY,
        "Reads one attribute out of a map of attributes, TEXT. Values are stored as JSON: a string comes back without its \
         quotes and escapes; numbers, booleans, lists and maps come back as their JSON. NULL for a NULL map or key, a key \
         that is not there, and a JSON null. With a key that occurs twice the first one counts. Compare numbers with a cast: \
         `CAST(attr(attributes, 'app.retries') AS BIGINT) > 2`.",
        "attr(attributes, key)",
    )
    .with_argument("attributes", "MAP<TEXT, TEXT>: name to JSON value, as in the `attributes` column of the built-in tables.")
    .with_argument("key", "TEXT: the attribute's name as it was sent, for example 'app.intent'.")
    .with_sql_example("SELECT attr(MAP {'app.intent': '\"refund\"', 'app.retries': '3'}, 'app.intent') AS intent")
    .build()
});
