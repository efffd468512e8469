//! What one HTTP/2 connection bears. Each bound is here, by name, and in `docs/http2-grpc.md`.
//!
//! Per connection, cutover holds at most [`CONNECTION_WINDOW`] bytes of requests' bodies, and of each of
//! [`MAX_STREAMS`] responses [`SEND_BUFFER`] and one piece as it came from the endpoint.

use std::time::Duration;

/// Requests at once; further ones are refused (`REFUSED_STREAM`), which lets their client send them again.
pub(super) const MAX_STREAMS: u32 = 200;
/// Bytes of one request's body that its client may send ahead.
pub(super) const STREAM_WINDOW: u32 = 128 * 1024;
/// Bytes of all requests' bodies that a client may send ahead: as much as 32 uploads that nobody reads can hold before
/// the others of the same connection wait for them.
pub(super) const CONNECTION_WINDOW: u32 = 32 * STREAM_WINDOW;
/// Bytes of one response that wait for their client, besides the piece that filled the room.
pub(in crate::proxy::protocol) const SEND_BUFFER: usize = 64 * 1024;
/// Largest frame taken, which is the least that may be offered.
pub(super) const MAX_FRAME: u32 = 16 * 1024;
/// Requests that break the protocol, over the life of a connection, before it is closed.
pub(super) const MAX_LOCAL_RESETS: usize = 1024;
/// Requests that were reset before anybody looked at them; more at once close the connection.
pub(super) const MAX_PENDING_RESETS: usize = 20;
/// What a field counts besides its bytes, towards the size that h2 judges by (RFC 9113 section 6.5.2).
pub(super) const FIELD_OVERHEAD: usize = 32;

/// Frames that cost their sender nothing and are not owed to any transfer: so many at once, so many more a second,
/// and a few for each frame that carries something.
pub(super) const CONTROL_FRAMES: u32 = 1000;
pub(super) const CONTROL_FRAMES_PER_SECOND: u32 = 100;
pub(super) const CONTROL_FRAMES_PER_TRANSFER: u32 = 4;
/// Requests that are taken back: so many at once, so many more a second, and one for each that was answered whole.
pub(super) const RESETS: u32 = 500;
pub(super) const RESETS_PER_SECOND: u32 = 50;

/// Without a frame for so long, the client is asked whether it is still there.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(25);
/// How long it has to say so.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a client that takes nothing has to close a connection that was ended in order.
pub(super) const LEAVING: Duration = Duration::from_secs(2);
/// Bytes read in one turn, before the others on this worker have theirs.
pub(super) const TURN_BYTES: usize = 128 * 1024;
