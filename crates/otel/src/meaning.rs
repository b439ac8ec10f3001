//! Which attributes mean which: the canonical names that a key feeds, whatever makes them of it, the alias table, the messages or the evaluations.

use crate::{
    evaluations,
    layout::{Owner, column_name},
    messages::Side,
    prometheus, semconv,
};

/// Where an attribute stands, so far as its key means something of its own there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A span, data point or log record, and all that has no meaning of its own: links, exemplars, members of maps.
    Record,
    Scope,
    Resource,
    /// The resource that stands for the job and the instance of a series of Prometheus.
    Target,
    /// A span's event or a log record of this name.
    Event(&'static str),
}

impl Place {
    /// A span's event or a log record of this name.
    pub(crate) fn of_event(name: &str) -> Self {
        let of_messages = || Side::of_event(name).map(|(name, _)| name);
        semconv::table().event_name(name).or_else(of_messages).map_or(Self::Record, Self::Event)
    }

    /// What stands before the key in `attributes`.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Record | Self::Event(_) => Owner::Record.prefix(),
            Self::Scope => Owner::Scope.prefix(),
            Self::Resource | Self::Target => Owner::Resource.prefix(),
        }
    }
}

/// The canonical names that an attribute of this key feeds, besides itself. Keys are compared as the columns that they become, so some names are
/// among them that another spelling of the key would feed.
pub(crate) fn canonical_names(place: Place, key: &str) -> Vec<&'static str> {
    let column = column_name(key);
    let mut names = semconv::table().fed_by(&column).to_vec();
    names.extend(Side::of_key(&column).map(Side::key));
    names.extend(evaluations::attribute_of(key));
    match place {
        Place::Record | Place::Scope | Place::Resource => {}
        Place::Target => names.extend(prometheus::label_of(key)),
        Place::Event(event) => {
            names.extend(semconv::table().fed_by_event(event, &column));
            names.extend(Side::of_event_field(event, &column).map(Side::key));
        }
    }
    names
}

#[cfg(test)]
mod tests;
