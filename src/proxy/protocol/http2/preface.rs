//! How an HTTP/2 connection begins that was not agreed on before (RFC 9113 section 3.4).

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preface {
    /// The whole of it, and perhaps more.
    Whole,
    /// A part of it: the next bytes will tell.
    Part,
    /// Something else.
    Other,
}

/// Looks at the first bytes of a connection.
pub(crate) fn preface(bytes: &[u8]) -> Preface {
    let length = bytes.len().min(PREFACE.len());
    if bytes[..length] != PREFACE[..length] {
        Preface::Other
    } else if length == PREFACE.len() {
        Preface::Whole
    } else {
        Preface::Part
    }
}

/// Chosen so that a server that knows HTTP/1 only does not take it for a request.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preface_is_known_by_any_of_its_pieces() {
        for length in 0..PREFACE.len() {
            assert_eq!(preface(&PREFACE[..length]), Preface::Part, "{length}");
        }
        assert_eq!(preface(PREFACE), Preface::Whole);
        assert_eq!(preface(&[PREFACE, &b"more"[..]].concat()), Preface::Whole);
        for other in [
            &b"GET / HTTP/1.1"[..],
            b"PRI * HTTP/2.0\r\n\r\nXX",
            b"PRI / ",
        ] {
            assert_eq!(preface(other), Preface::Other, "{other:?}");
        }
    }
}
