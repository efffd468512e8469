//! The terminal while a screen is shown on it.
//!
//! Owns raw mode, the alternate screen, the cursor and the keys; must not know what is painted. Every way out
//! restores the terminal: dropping, and a panic anywhere, whose message would be lost on the alternate screen. Signals
//! are for whoever shows the screen: they end its loop, and then this is dropped.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crossterm::{cursor, event, queue, terminal};
use tokio::sync::mpsc;

use super::{Ink, Key, Line, Size};
use crate::core::ids::Colour;

/// A terminal in raw mode.
#[derive(Debug)]
pub struct Screen {
    open: Arc<AtomicBool>,
    keys: mpsc::Receiver<Key>,
    reader: Option<JoinHandle<()>>,
    coloured: bool,
}

impl Screen {
    /// Takes the terminal over; in colour, unless that is unwanted.
    ///
    /// # Errors
    /// The operating system's, if this is no terminal.
    pub fn open(coloured: bool) -> io::Result<Self> {
        let open = Arc::new(AtomicBool::new(true));
        restore_on_panic(Arc::clone(&open));
        let (tx, keys) = mpsc::channel(KEYS_LIMIT);
        let mut taken = Self {
            open: Arc::clone(&open),
            keys,
            reader: None,
            coloured,
        };
        terminal::enable_raw_mode()?;
        queue!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        let reader = std::thread::Builder::new().name("keys".to_owned());
        taken.reader = Some(reader.spawn(move || read_keys(&open, &tx))?);
        Ok(taken)
    }

    /// The next key; nothing if none will come any more.
    pub async fn key(&mut self) -> Option<Key> {
        self.keys.recv().await
    }

    /// Columns and rows; the usual ones where the terminal does not say.
    #[must_use]
    pub fn size() -> Size {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        Size {
            columns: columns.into(),
            rows: rows.into(),
        }
    }

    /// Shows the lines, from the top.
    ///
    /// # Errors
    /// The operating system's, if the terminal is gone.
    pub fn paint(&self, lines: &[Line]) -> io::Result<()> {
        let mut text = Vec::new();
        queue!(text, cursor::MoveTo(0, 0))?;
        for (row, line) in lines.iter().enumerate() {
            if row > 0 {
                text.extend_from_slice(b"\r\n");
            }
            for (ink, part) in &line.0 {
                text.extend_from_slice(self.paint_part(*ink, part).as_bytes());
            }
            queue!(text, terminal::Clear(terminal::ClearType::UntilNewLine))?;
        }
        queue!(text, terminal::Clear(terminal::ClearType::FromCursorDown))?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(&text)?;
        stdout.flush()
    }

    fn paint_part(&self, ink: Ink, part: &str) -> String {
        match (self.coloured, ink) {
            (true, _) => ink.paint(part),
            // Without colour, green is told from blue by its pattern.
            (false, Ink::Block(Colour::Green)) => "\u{2592}".repeat(part.chars().count()),
            // No colour, and the only way to see which line keys are about.
            (false, Ink::Chosen) => ink.paint(part),
            (false, _) => Ink::Plain.paint(part),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore(&self.open);
        // It looks at the flag after every wait of `KEY_WAIT`, so that it takes none of what is typed next. Where the
        // terminal is gone, it may never come back from its wait; the process does not stay for it.
        for _ in 0..READER_WAITS {
            if self.reader.as_ref().is_none_or(JoinHandle::is_finished) {
                return;
            }
            std::thread::sleep(KEY_WAIT / 4);
        }
    }
}

/// Gives the terminal back, once.
fn restore(open: &AtomicBool) {
    // SeqCst: seldom, and the simplest order that makes exactly one caller the one that restores.
    if open.swap(false, Ordering::SeqCst) {
        // There is nobody left to tell.
        let _ = queue!(io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
        let _ = io::stdout().flush();
        let _ = terminal::disable_raw_mode();
    }
}

fn restore_on_panic(open: Arc<AtomicBool>) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore(&open);
        usual(info);
    }));
}

/// Reads keys until the terminal is given back. A thread, because a read of the terminal cannot be awaited
/// without one.
fn read_keys(open: &AtomicBool, keys: &mpsc::Sender<Key>) {
    while open.load(Ordering::SeqCst) {
        let key = match event::poll(KEY_WAIT) {
            Ok(false) => continue,
            Ok(true) => event::read().map(|event| Key::of(&event)),
            Err(error) => Err(error),
        };
        match key {
            // A queue that is full has a key in it that was pressed before.
            Ok(Some(key)) => drop(keys.try_send(key)),
            Ok(None) => {}
            // The terminal is gone; the receiver sees that no key will come.
            Err(_) => return,
        }
    }
}

/// Keys that wait to be acted upon.
const KEYS_LIMIT: usize = 64;
/// Quarters of `KEY_WAIT` that are waited for the reader to end.
const READER_WAITS: u32 = 12;
/// How long the reader waits before it looks whether it is still wanted.
const KEY_WAIT: Duration = Duration::from_millis(100);
