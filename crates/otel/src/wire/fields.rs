//! The fields of a protobuf message, as they lie in its bytes.

/// A length-delimited field: its number and content, and where the content starts in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: usize,
}

/// Walks the length-delimited fields of a message and steps over the others. The first place that is no field ends the walk with its offset.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Fields<'a> {
    /// The fields of `message`, which starts at `offset` of the body.
    pub(crate) fn new(message: &'a [u8], offset: usize) -> Self {
        Self { rest: message, offset }
    }

    fn skip(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (skipped, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        self.offset += bytes;
        Some(skipped)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for i in 0..10 {
            let byte = *self.skip(1)?.first()?;
            value |= u64::from(byte & 0x7F) << (7 * i);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Steps over one field; the inner `None`: it was not length-delimited.
    fn step(&mut self) -> Option<Option<Field<'a>>> {
        let tag = self.varint()?;
        match tag & 7 {
            0 => drop(self.varint()?),
            1 => drop(self.skip(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let offset = self.offset;
                let bytes = self.skip(length)?;
                return Some(Some(Field { number: tag >> 3, bytes, offset }));
            }
            5 => drop(self.skip(4)?),
            _ => return None,
        }
        Some(None)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, usize>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let start = self.offset;
            match self.step() {
                Some(Some(field)) => return Some(Ok(field)),
                Some(None) => {}
                None => {
                    self.rest = &[];
                    return Some(Err(start));
                }
            }
        }
        None
    }
}
