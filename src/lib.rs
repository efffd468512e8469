//! cutover moves production traffic between a blue and a green pool of the same service without losing a
//! request. `ARCHITECTURE.md` is the tour; this is the map.

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod core;
pub mod demo;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod machine;
pub mod mailbox;
pub mod proxy;
pub mod publish;
pub mod telemetry;
pub mod terminal;
pub mod tls;
