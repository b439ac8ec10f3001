//! Growing Arrow columns: typed ones for attributes ([`AttributeColumn`]), and the nested ones of the built-in part ([`MapColumn`],
//! [`ListColumn`]). Arrays come out in exactly the type of the table's field, whatever its inner fields are called.

mod attribute;
mod nested;
mod types;

pub(crate) use attribute::{AttributeColumn, Pushed};
pub(crate) use nested::{ListColumn, MapColumn, field_type, item_type, list_array, struct_array, time_array};
pub(crate) use types::{compatible, list_of, map_of_text, struct_of, time};

#[cfg(test)]
mod tests;
