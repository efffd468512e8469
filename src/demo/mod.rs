//! The tour: two versions of a small app, the proxy before them, checked load, and one screen to watch it on.
//!
//! Owns everything that exists only to show that a switch loses nothing; must not be needed by anything that
//! serves. It lives in the library, because the tests want the same app and the same load: what the tour
//! promises a stranger is then what the tests demand.

pub mod colour_app;
pub mod load;
pub mod websocket;
