//! An operator who switches back and forth, by every way there is, and keeps the times for the [`Witness`].

use std::sync::Arc;

use cutover::core::{ids::Colour, switch::Receipt};
use tokio::time::Instant;

use super::{
    call::Admin,
    eventually,
    witness::{Switched, Witness},
};

/// Switches the service `shop`, which begins blue.
pub(crate) struct Operator {
    pub(crate) admin: Admin,
    pub(crate) live: Colour,
    /// What the file calls live.
    pub(crate) file_live: Colour,
    witness: Arc<Witness>,
}

/// The ways to ask for a switch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// The admin API.
    Call,
    /// The command line.
    Command,
    /// Editing `live` in the file.
    File,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Call, Self::Command, Self::File];
}

impl Operator {
    pub(crate) fn new(admin: Admin, witness: &Arc<Witness>) -> Self {
        Self {
            admin,
            live: Colour::Blue,
            file_live: Colour::Blue,
            witness: Arc::clone(witness),
        }
    }

    /// Switches to the other colour; `write` writes the file with that colour live.
    pub(crate) async fn switch(&mut self, way: Way, write: impl FnOnce(Colour)) {
        let to = self.live.other();
        let asked = Instant::now();
        match way {
            Way::Call => drop(self.admin.switch("shop", to).await),
            Way::Command => {
                let args = ["switch", "shop", to.as_str(), "--wait", "committed"];
                let output = self.admin.cli(&args).await;
                assert_eq!(output.status.code(), Some(0), "{output:?}");
            }
            Way::File => self.switch_by_file(to, write).await,
        }
        self.switched(to, asked);
    }

    async fn switch_by_file(&mut self, to: Colour, write: impl FnOnce(Colour)) {
        assert_ne!(self.file_live, to, "the file would not ask for anything");
        self.file_live = to;
        let tenure = self.admin.service("shop").await.tenure.next();
        write(to);
        eventually("the switch by the file", async || {
            let last = self.admin.service("shop").await.last_switch;
            last.is_some_and(|it| it.tenure == tenure && it.committed_at.is_some())
        })
        .await;
    }

    pub(crate) async fn rollback(&mut self) -> Receipt {
        let asked = Instant::now();
        let receipt = self.admin.rollback("shop").await;
        assert!(
            receipt.rollback && receipt.to == self.live.other(),
            "{receipt:?}"
        );
        self.switched(receipt.to, asked);
        receipt
    }

    /// A switch to `to`, asked for at `asked`, has just been answered: committed.
    pub(crate) fn switched(&mut self, to: Colour, asked: Instant) {
        self.live = to;
        let answered = Instant::now();
        self.witness.switched(Switched {
            to,
            asked,
            answered,
        });
    }
}
