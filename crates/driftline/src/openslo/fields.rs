//! The fields of an object, taken one by one: what is left over is unknown, and an error.

use super::node::{Node, Value};
use crate::error::{Error, Result, nearest};

/// An object, its path in its document, and the names that were asked for.
pub(super) struct Fields<'a> {
    file: &'a str,
    path: String,
    node: &'a Node,
    entries: &'a [(String, Node)],
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(file: &'a str, path: &str, node: &'a Node) -> Result<Self> {
        let entries: &[(String, Node)] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                let path = if path.is_empty() { "the document" } else { path };
                return Err(wrong(file, node, path, &format!("expected an object, found {}", node.kind())));
            }
        };
        Ok(Self { file, path: path.to_owned(), node, entries, asked: vec![] })
    }

    /// An error about one of its fields, or about itself where there is none of this name.
    pub(super) fn wrong(&self, name: &str, message: &str) -> Error {
        let found = self.entries.iter().find(|(known, _)| known == name);
        let at = found.map_or(self.node, |(_, node)| node);
        wrong(self.file, at, &self.path_of(name), message)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A field; `None` where it is missing or null.
    pub(super) fn optional(&mut self, name: &'static str) -> Option<&'a Node> {
        self.asked.push(name);
        let found = self.entries.iter().find(|(known, _)| known == name);
        found.map(|(_, node)| node).filter(|node| node.value != Value::Null)
    }

    pub(super) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>> {
        let Some(node) = self.optional(name) else { return Ok(None) };
        match node.name() {
            Some(text) => Ok(Some(text)),
            None => Err(self.wrong(name, &format!("expected a text, found {}", node.kind()))),
        }
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<String> {
        self.optional_text(name)?.ok_or_else(|| self.wrong(name, "this field is missing"))
    }

    pub(super) fn optional_number(&mut self, name: &'static str) -> Result<Option<f64>> {
        let Some(node) = self.optional(name) else { return Ok(None) };
        match &node.value {
            Value::Number(number) if number.is_finite() => Ok(Some(*number)),
            _ => Err(self.wrong(name, &format!("expected a number, found {}", node.kind()))),
        }
    }

    pub(super) fn optional_bool(&mut self, name: &'static str) -> Result<Option<bool>> {
        let Some(node) = self.optional(name) else { return Ok(None) };
        match node.value {
            Value::Bool(value) => Ok(Some(value)),
            _ => Err(self.wrong(name, &format!("expected true or false, found {}", node.kind()))),
        }
    }

    pub(super) fn optional_object(&mut self, name: &'static str) -> Result<Option<Fields<'a>>> {
        let path = self.path_of(name);
        let file = self.file;
        self.optional(name).map(|node| Fields::of(file, &path, node)).transpose()
    }

    pub(super) fn object(&mut self, name: &'static str) -> Result<Fields<'a>> {
        self.optional_object(name)?.ok_or_else(|| self.wrong(name, "this field is missing"))
    }

    /// The objects of a list; none where it is missing.
    pub(super) fn objects(&mut self, name: &'static str) -> Result<Vec<Fields<'a>>> {
        let Some(node) = self.optional(name) else { return Ok(vec![]) };
        let Value::List(items) = &node.value else {
            return Err(self.wrong(name, &format!("expected a list, found {}", node.kind())));
        };
        let path = self.path_of(name);
        let objects = items.iter().enumerate();
        objects.map(|(at, item)| Fields::of(self.file, &format!("{path}[{at}]"), item)).collect()
    }

    /// Texts by name, as annotations and labels are; a list of texts is one with commas.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Vec<(String, String)>> {
        let Some(node) = self.optional(name) else { return Ok(vec![]) };
        let Value::Map(entries) = &node.value else {
            return Err(self.wrong(name, &format!("expected an object, found {}", node.kind())));
        };
        let text = Node::name;
        let entry = |(key, node): &(String, Node)| {
            let value = match &node.value {
                Value::List(items) => {
                    items.iter().map(text).collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
                }
                _ => text(node),
            };
            let path = format!("{}.{key}", self.path_of(name));
            let value =
                value.ok_or_else(|| wrong(self.file, node, &path, "expected a text or a list of texts"))?;
            Ok((key.clone(), value))
        };
        entries.iter().map(entry).collect()
    }

    /// Leaves the rest unread: what somebody else may put there.
    pub(super) fn node(&self) -> &'a Node {
        self.node
    }

    /// Fails for a field that nobody asked for.
    pub(super) fn end(self) -> Result<()> {
        match self.entries.iter().find(|(name, _)| !self.asked.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let hint = nearest(name, self.asked.iter().copied());
                Err(self.wrong(name, &format!("there is no such field here{hint}")))
            }
        }
    }
}

fn wrong(file: &str, at: &Node, path: &str, message: &str) -> Error {
    Error::invalid(format!("{file}:{}:{}: {path}: {message}", at.place.line, at.place.column))
}
