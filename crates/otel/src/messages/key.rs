//! Which attribute keys carry messages, and what of them.

use super::Side;
use crate::layout::column_name;

/// Keys that hold all messages of a side: the smaller the number, the better.
const WHOLE: [(&str, Side, u8, Piece); 4] = [
    ("gen_ai.input.messages", Side::Input, 1, Piece::Canonical),
    ("gen_ai.output.messages", Side::Output, 1, Piece::Canonical),
    ("gen_ai.prompt", Side::Input, 3, Piece::Whole),
    ("gen_ai.completion", Side::Output, 3, Piece::Whole),
];
/// What stands before the number of a message in keys of its parts.
const FLATTENED: [(&str, Side); 4] = [
    ("gen_ai.prompt.", Side::Input),
    ("gen_ai.completion.", Side::Output),
    ("llm.input_messages.", Side::Input),
    ("llm.output_messages.", Side::Output),
];
/// How good the parts are.
const FLATTENED_RANK: u8 = 2;

/// What an attribute key says about messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageKey {
    pub(super) side: Side,
    /// The smaller, the better.
    pub(super) rank: u8,
    pub(super) piece: Piece,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// All messages, in the conventions' own form.
    Canonical,
    /// All messages, in some form.
    Whole,
    /// A field of one message.
    Part(u32, Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Role,
    FinishReason,
    /// A text, with its place where there are several.
    Content(Option<u32>),
    /// A field of a tool call.
    ToolCall(u32, &'static str),
    /// The call that is answered.
    ToolCallId,
}

impl MessageKey {
    /// Whose messages.
    pub(crate) fn side(self) -> Side {
        self.side
    }

    /// Reads a key; `None` for all others.
    pub(crate) fn parse(key: &str) -> Option<Self> {
        if let Some(&(_, side, rank, piece)) = WHOLE.iter().find(|(whole, ..)| *whole == key) {
            return Some(Self { side, rank, piece });
        }
        let (side, rest) = flattened(key)?;
        let (index, field) = rest.split_once('.')?;
        let piece = Piece::Part(index.parse().ok()?, Field::parse(field)?);
        Some(Self { side, rank: FLATTENED_RANK, piece })
    }
}

impl Side {
    /// The side that attributes are about whose column has this name, also where no message is made of them: `llm.input_messages.0.message.audio`.
    pub(crate) fn of_key(column: &str) -> Option<Self> {
        let whole = WHOLE.iter().find(|(key, ..)| column_name(key) == column).map(|(_, side, ..)| *side);
        let part = |(prefix, side): &(&str, Self)| {
            let rest = column.strip_prefix(&column_name(prefix))?;
            rest.starts_with(|c: char| c.is_ascii_digit()).then_some(*side)
        };
        whole.or_else(|| FLATTENED.iter().find_map(part))
    }
}

/// The side of a key of one message, and the key from its number on.
fn flattened(key: &str) -> Option<(Side, &str)> {
    FLATTENED.into_iter().find_map(|(prefix, side)| Some((side, key.strip_prefix(prefix)?)))
}

impl Field {
    fn parse(field: &str) -> Option<Self> {
        let field = field.strip_prefix("message.").unwrap_or(field);
        match field {
            "role" => return Some(Self::Role),
            "content" => return Some(Self::Content(None)),
            "finish_reason" => return Some(Self::FinishReason),
            "tool_call_id" => return Some(Self::ToolCallId),
            _ => {}
        }
        if let Some((part, "message_content.text")) =
            field.strip_prefix("contents.").and_then(|rest| rest.split_once('.'))
        {
            return Some(Self::Content(Some(part.parse().ok()?)));
        }
        let (call, name) = field.strip_prefix("tool_calls.")?.split_once('.')?;
        let name = match name.strip_prefix("tool_call.").unwrap_or(name) {
            "id" => "id",
            "name" | "function.name" => "name",
            "arguments" | "function.arguments" => "arguments",
            _ => return None,
        };
        Some(Self::ToolCall(call.parse().ok()?, name))
    }
}
