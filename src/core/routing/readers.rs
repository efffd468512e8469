//! Servers of all habits, written without a look at how `Spelling` reads a path: what passes must mean one service to
//! every one of them.

/// What a server may do with a path before it looks at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    strips_parameters: bool,
    decodes_before_splitting: bool,
    merges_slashes: bool,
    resolves_dots: bool,
    merges_at_last: bool,
}

impl Reader {
    /// Every combination.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..32_u8).map(|bits| Self {
            strips_parameters: bits & 1 != 0,
            decodes_before_splitting: bits & 2 != 0,
            merges_slashes: bits & 4 != 0,
            resolves_dots: bits & 8 != 0,
            merges_at_last: bits & 16 != 0,
        })
    }

    /// The segments that it sees; written without a look at how `Spelling` does it.
    fn reads(self, path: &str) -> Vec<Vec<u8>> {
        let bytes = path.as_bytes().to_vec();
        let whole = match self.decodes_before_splitting {
            true => unescaped(&bytes),
            false => bytes,
        };
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let is_slash =
            |byte: &u8| *byte == b'/' || (self.decodes_before_splitting && *byte == b'\\');
        let pieces: Vec<_> = whole.split(is_slash).skip(1).collect();
        for (place, piece) in pieces.iter().enumerate() {
            let mut piece = piece.to_vec();
            if self.strips_parameters {
                piece = piece
                    .split(|byte| *byte == b';')
                    .next()
                    .unwrap_or_default()
                    .to_vec();
            }
            if !self.decodes_before_splitting {
                piece = unescaped(&piece);
            }
            let is_last = place + 1 == pieces.len();
            match piece.as_slice() {
                b"" if self.merges_slashes && !is_last => {}
                b"." if self.resolves_dots => {}
                b".." if self.resolves_dots => drop(seen.pop()),
                _ => seen.push(piece),
            }
        }
        if self.merges_at_last {
            seen.retain(|piece| !piece.is_empty());
        }
        seen
    }

    /// Which of several prefixes, each with the number of its route, is the longest that covers what it sees; of two
    /// equal ones the first.
    pub(crate) fn finds<'a>(
        self,
        prefixes: impl Iterator<Item = (&'a str, u32)>,
        path: &str,
    ) -> Option<u32> {
        let seen = self.reads(path);
        let found = prefixes.filter_map(|(prefix, slot)| {
            let wanted = prefix.split('/').filter(|it| !it.is_empty());
            let wanted: Vec<_> = wanted.map(|it| unescaped(it.as_bytes())).collect();
            seen.starts_with(&wanted)
                .then_some((wanted.len(), std::cmp::Reverse(slot)))
        });
        found.max().map(|(_, slot)| slot.0)
    }
}

fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes
            .get(at + 1..at + 3)
            .and_then(|it| std::str::from_utf8(it).ok());
        let value = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
        match (bytes[at], value) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}
