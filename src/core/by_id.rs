//! What is known of each endpoint, by its number.
//!
//! Owns a table in pieces; must not know what is in it. Numbers rise, and those of one file follow each other, so that
//! a piece has hardly a gap until endpoints go, and goes itself with the last of them. A map would be shorter; one that is
//! filled in rising order leaves its nodes half empty, and there may be eighty thousand endpoints.

use std::collections::BTreeMap;

use super::ids::EndpointId;

/// See the module.
#[derive(Debug)]
pub struct ById<T> {
    pieces: BTreeMap<u64, Box<Piece<T>>>,
}

#[derive(Debug)]
struct Piece<T>([Option<T>; PIECE]);

impl<T> ById<T> {
    /// What is known of `id`.
    #[must_use]
    pub fn get(&self, id: EndpointId) -> Option<&T> {
        let (piece, place) = place(id);
        self.pieces.get(&piece)?.0[place].as_ref()
    }

    /// What is known of `id`, to be changed.
    pub fn get_mut(&mut self, id: EndpointId) -> Option<&mut T> {
        let (piece, place) = place(id);
        self.pieces.get_mut(&piece)?.0[place].as_mut()
    }

    /// Puts down what is known of `id` from now on.
    pub fn insert(&mut self, id: EndpointId, value: T) {
        let (piece, place) = place(id);
        let empty = || Box::new(Piece([const { None }; PIECE]));
        self.pieces.entry(piece).or_insert_with(empty).0[place] = Some(value);
    }

    /// Forgets `id`; gives back what was known of it.
    pub fn remove(&mut self, id: EndpointId) -> Option<T> {
        let (piece, place) = place(id);
        let held = self.pieces.get_mut(&piece)?;
        let value = held.0[place].take();
        if held.0.iter().all(Option::is_none) {
            self.pieces.remove(&piece);
        }
        value
    }
}

impl<T> Default for ById<T> {
    fn default() -> Self {
        Self {
            pieces: BTreeMap::new(),
        }
    }
}

fn place(id: EndpointId) -> (u64, usize) {
    // The rest is below the size of a piece.
    (id.0 / PIECE as u64, (id.0 % PIECE as u64) as usize)
}

/// Endpoints to a piece: so few that what is left of a pool that changes by and by does not hold much more than itself.
const PIECE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_down_is_found_until_it_is_forgotten() {
        let mut table = ById::default();
        for id in (0..100).map(EndpointId) {
            table.insert(id, id.0);
        }
        table.insert(EndpointId(7), 70);
        *table.get_mut(EndpointId(8)).unwrap() = 80;
        assert_eq!(table.get(EndpointId(7)), Some(&70));
        assert_eq!(table.remove(EndpointId(8)), Some(80));
        assert_eq!(table.remove(EndpointId(8)), None);
        assert_eq!(table.get(EndpointId(8)), None);
        assert_eq!(table.get(EndpointId(99)), Some(&99));
        assert_eq!(table.get(EndpointId(1_000)), None);
    }

    #[test]
    fn a_piece_goes_with_the_last_that_is_in_it() {
        let mut table = ById::default();
        for id in (0..100).map(EndpointId) {
            table.insert(id, ());
        }
        for id in (0..100).map(EndpointId) {
            table.remove(id);
        }
        assert!(table.pieces.is_empty());
    }
}
