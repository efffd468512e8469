//! The little of RFC 6455 that an echo needs besides the handshake: single frames.
//!
//! Owns frames as values and their way on and off a stream; must not know what is said in them. A crate for
//! WebSockets would bring reassembly, extensions and its own buffers; what the tour has to prove is that the
//! proxy carries bytes both ways, and for that a frame read and a frame written are enough.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub use crate::proxy::websocket::{accept_key, base64};

/// One frame, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it ends its message.
    pub last: bool,
    /// What it is.
    pub kind: FrameKind,
    /// What it carries, [`FRAME_LIMIT`] bytes at most.
    pub payload: Vec<u8>,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// More of the message before it.
    Continuation,
    /// Text.
    Text,
    /// Bytes.
    Binary,
    /// The end of the session.
    Close,
    /// A question whether the peer is there.
    Ping,
    /// The answer to it.
    Pong,
}

/// Which end of a session sent a frame; a client masks its frames, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The end that opened the connection.
    Client,
    /// The end that accepted it.
    Server,
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream ended or broke.
    #[error("the stream broke")]
    Io(#[from] io::Error),
    /// A code that RFC 6455 does not define, or reserved bits.
    #[error("opcode byte {0:#04x} is not known")]
    Opcode(u8),
    /// The wrong end masks, or the right one does not.
    #[error("the frame is masked by the wrong end")]
    Mask,
    /// Longer than [`FRAME_LIMIT`], or a control frame longer than 125 bytes.
    #[error("a frame of {0} bytes is too long")]
    TooLong(u64),
}

impl Frame {
    /// A whole message of one frame.
    #[must_use]
    pub fn message(kind: FrameKind, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            last: true,
            kind,
            payload: payload.into(),
        }
    }

    /// A close frame with this status code.
    #[must_use]
    pub fn close(code: u16) -> Self {
        Self::message(FrameKind::Close, code.to_be_bytes())
    }

    /// Reads one frame that `speaker` has sent.
    ///
    /// # Errors
    /// [`FrameError`] if the stream ends or what it carries is no frame of that speaker.
    pub async fn read(
        stream: &mut (impl AsyncRead + Unpin),
        speaker: Speaker,
    ) -> Result<Self, FrameError> {
        let [first, second] = read_bytes(stream).await?;
        let kind = FrameKind::of(first)?;
        let masked = second & MASKED != 0;
        if masked != (speaker == Speaker::Client) {
            return Err(FrameError::Mask);
        }
        let length = match second & !MASKED {
            126 => u64::from(u16::from_be_bytes(read_bytes(stream).await?)),
            127 => u64::from_be_bytes(read_bytes(stream).await?),
            short => u64::from(short),
        };
        let limit = if kind.is_control() {
            CONTROL_LIMIT
        } else {
            FRAME_LIMIT
        };
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size > limit {
            return Err(FrameError::TooLong(length));
        }
        let mask = if masked {
            read_bytes(stream).await?
        } else {
            [0; 4]
        };
        let mut payload = vec![0; size];
        stream.read_exact(&mut payload).await?;
        apply_mask(&mut payload, mask);
        Ok(Self {
            last: first & LAST != 0,
            kind,
            payload,
        })
    }

    /// Writes the frame; a client gives a mask, a server none.
    ///
    /// # Errors
    /// The stream's own.
    pub async fn write(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        mask: Option<[u8; 4]>,
    ) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(self.payload.len() + HEAD_SIZE);
        bytes.push(self.kind.opcode() | if self.last { LAST } else { 0 });
        let masked = if mask.is_some() { MASKED } else { 0 };
        if let Ok(short @ 0..=125) = u8::try_from(self.payload.len()) {
            bytes.push(masked | short);
        } else if let Ok(middle) = u16::try_from(self.payload.len()) {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&middle.to_be_bytes());
        } else {
            bytes.push(masked | 127);
            bytes.extend_from_slice(&(self.payload.len() as u64).to_be_bytes());
        }
        let head = bytes.len();
        bytes.extend_from_slice(&self.payload);
        if let Some(mask) = mask {
            apply_mask(bytes.get_mut(head..).unwrap_or_default(), mask);
            bytes.splice(head..head, mask);
        }
        stream.write_all(&bytes).await?;
        stream.flush().await
    }
}

impl FrameKind {
    const fn of(first: u8) -> Result<Self, FrameError> {
        match first & !LAST {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xA => Ok(Self::Pong),
            _ => Err(FrameError::Opcode(first)),
        }
    }

    const fn opcode(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

async fn read_bytes<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// Bytes that one frame may carry.
pub const FRAME_LIMIT: usize = 64 * 1024;
/// Bytes that a control frame may carry (RFC 6455, 5.5).
const CONTROL_LIMIT: usize = 125;
/// The longest head of a frame: two bytes, a length of eight, a mask of four.
const HEAD_SIZE: usize = 14;
const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frame_of_every_length_class_survives_the_way() {
        for size in [0, 125, 126, 65_535, FRAME_LIMIT] {
            let frame = Frame::message(FrameKind::Binary, vec![7; size]);
            for (mask, speaker) in [
                (Some([1, 2, 3, 4]), Speaker::Client),
                (None, Speaker::Server),
            ] {
                let mut bytes = Vec::new();
                frame.write(&mut bytes, mask).await.unwrap();
                let back = Frame::read(&mut bytes.as_slice(), speaker).await.unwrap();
                assert_eq!(back, frame);
            }
        }
    }

    #[tokio::test]
    async fn an_oversized_or_unmasked_frame_is_refused_before_it_is_buffered() {
        let mut endless: &[u8] = &[0x82, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0];
        let refused = Frame::read(&mut endless, Speaker::Client).await;
        assert!(matches!(refused, Err(FrameError::TooLong(_))));

        let mut unmasked: &[u8] = &[0x81, 0x00];
        let refused = Frame::read(&mut unmasked, Speaker::Client).await;
        assert!(matches!(refused, Err(FrameError::Mask)));

        let mut long_ping: &[u8] = &[0x89, 126, 0, 126];
        let refused = Frame::read(&mut long_ping, Speaker::Server).await;
        assert!(matches!(refused, Err(FrameError::TooLong(126))));
    }
}
