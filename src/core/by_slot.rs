//! What a snapshot has of each service, by slot.
//!
//! Owns a table in pieces that snapshots share: a publish that changes one service among ten thousand copies the piece
//! that it stands in and a pointer to each of the others. One list would be shorter, and would have every publish touch
//! the reference count of every service, each on a cache line of its own.

use std::sync::Arc;

use super::ids::ServiceSlot;

/// See the module.
#[derive(Debug)]
pub struct BySlot<T> {
    pieces: Vec<Arc<Piece<T>>>,
}

#[derive(Debug)]
struct Piece<T>([Option<Arc<T>>; PIECE]);

impl<T> BySlot<T> {
    /// What is in `slot`.
    #[must_use]
    pub fn get(&self, slot: ServiceSlot) -> Option<&Arc<T>> {
        let (piece, place) = (slot.index() / PIECE, slot.index() % PIECE);
        self.pieces.get(piece)?.0[place].as_ref()
    }

    /// Puts something into `slot`, or frees it; whoever shares the table does not notice.
    pub fn set(&mut self, slot: ServiceSlot, value: Option<Arc<T>>) {
        let (piece, place) = (slot.index() / PIECE, slot.index() % PIECE);
        if piece >= self.pieces.len() {
            if value.is_none() {
                return;
            }
            self.pieces.resize_with(piece + 1, Arc::default);
        }
        Arc::make_mut(&mut self.pieces[piece]).0[place] = value;
    }

    /// Everything in it, by slot.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        let pieces = self.pieces.iter();
        pieces.flat_map(|piece| piece.0.iter().flatten())
    }

    /// The slots that may hold something else than in `older`: those of the pieces that the two do not share.
    pub fn differing(&self, older: &Self) -> impl Iterator<Item = ServiceSlot> {
        let all = self.pieces.len().max(older.pieces.len());
        let differs = move |piece: &usize| {
            let pair = (self.pieces.get(*piece), older.pieces.get(*piece));
            !matches!(pair, (Some(one), Some(other)) if Arc::ptr_eq(one, other))
        };
        let pieces = (0..all).filter(differs);
        let slots = pieces.flat_map(|piece| piece * PIECE..(piece + 1) * PIECE);
        // Services are bounded by the file, which is far below four thousand million.
        slots.map(|slot| ServiceSlot(u32::try_from(slot).unwrap_or(u32::MAX)))
    }
}

impl<T> Default for BySlot<T> {
    fn default() -> Self {
        Self { pieces: Vec::new() }
    }
}

impl<T> Clone for BySlot<T> {
    fn clone(&self) -> Self {
        Self {
            pieces: self.pieces.clone(),
        }
    }
}

impl<T> FromIterator<(ServiceSlot, Arc<T>)> for BySlot<T> {
    fn from_iter<I: IntoIterator<Item = (ServiceSlot, Arc<T>)>>(values: I) -> Self {
        let mut table = Self::default();
        for (slot, value) in values {
            table.set(slot, Some(value));
        }
        table
    }
}

impl<T> Default for Piece<T> {
    fn default() -> Self {
        Self([const { None }; PIECE])
    }
}

impl<T> Clone for Piece<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Services in one piece. With ten thousand of them a publish copies 64 pointers to services and 157 to pieces.
const PIECE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn differing(newer: &BySlot<u32>, older: &BySlot<u32>) -> Vec<u32> {
        newer.differing(older).map(|slot| slot.0).collect()
    }

    #[test]
    fn a_change_is_seen_by_the_newer_table_alone_and_all_other_pieces_stay_shared() {
        let older: BySlot<u32> = (0..200).map(|it| (ServiceSlot(it), Arc::new(it))).collect();
        let mut newer = older.clone();
        assert!(differing(&newer, &older).is_empty());
        newer.set(ServiceSlot(70), Some(Arc::new(1_070)));
        newer.set(ServiceSlot(71), None);
        assert_eq!(differing(&newer, &older), Vec::from_iter(64..128));
        let get = |table: &BySlot<u32>, slot| table.get(ServiceSlot(slot)).map(|it| **it);
        assert_eq!((get(&newer, 70), get(&older, 70)), (Some(1_070), Some(70)));
        assert_eq!((get(&newer, 71), get(&older, 71)), (None, Some(71)));
        assert_eq!((get(&newer, 199), get(&newer, 200)), (Some(199), None));
        assert_eq!((newer.iter().count(), older.iter().count()), (199, 200));
    }

    #[test]
    fn what_only_one_of_two_tables_has_differs() {
        let (none, mut some) = (BySlot::default(), BySlot::default());
        some.set(ServiceSlot(500), None);
        assert!(differing(&some, &none).is_empty(), "nothing was put");
        some.set(ServiceSlot(64), Some(Arc::new(7)));
        assert_eq!(differing(&some, &none), Vec::from_iter(0..128));
        assert_eq!(differing(&none, &some), Vec::from_iter(0..128));
    }
}
