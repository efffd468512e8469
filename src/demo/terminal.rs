//! The terminal while the screen is shown.
//!
//! Owns raw mode, the alternate screen, the cursor and the keys; must not know what is painted. Every way out
//! restores the terminal: dropping, and a panic anywhere, whose message would be lost on the alternate screen.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crossterm::{
    cursor,
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    queue, terminal,
};
use tokio::sync::mpsc;

use super::screen::{Ink, Line, Size};
use crate::core::ids::Colour;

/// A terminal in raw mode.
#[derive(Debug)]
pub(super) struct Terminal {
    open: Arc<AtomicBool>,
    keys: mpsc::Receiver<Key>,
    reader: Option<JoinHandle<()>>,
    coloured: bool,
}

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Switch,
    Rollback,
    Quit,
}

impl Terminal {
    /// Takes the terminal over.
    pub(super) fn open() -> io::Result<Self> {
        let open = Arc::new(AtomicBool::new(true));
        restore_on_panic(Arc::clone(&open));
        let (tx, keys) = mpsc::channel(KEYS_LIMIT);
        let mut taken = Self {
            open: Arc::clone(&open),
            keys,
            reader: None,
            coloured: std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
        };
        terminal::enable_raw_mode()?;
        queue!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        let reader = std::thread::Builder::new().name("keys".to_owned());
        taken.reader = Some(reader.spawn(move || read_keys(&open, &tx))?);
        Ok(taken)
    }

    /// The next key; nothing if none will come any more.
    pub(super) async fn key(&mut self) -> Option<Key> {
        self.keys.recv().await
    }

    /// Columns and rows; the usual ones where the terminal does not say.
    pub(super) fn size() -> Size {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        Size {
            columns: columns.into(),
            rows: rows.into(),
        }
    }

    /// Shows the lines, from the top.
    pub(super) fn paint(&self, lines: &[Line]) -> io::Result<()> {
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
        let code = match ink {
            Ink::Plain => return part.to_owned(),
            Ink::Dim => "2",
            Ink::Bold => "1",
            Ink::Colour(Colour::Blue) => "1;34",
            Ink::Colour(Colour::Green) => "1;32",
            Ink::Block(Colour::Blue) => "34",
            Ink::Block(Colour::Green) => "32",
            Ink::Fine => "1;30;42",
            Ink::Alarm => "1;31",
        };
        match (self.coloured, ink) {
            (true, _) => format!("\x1b[{code}m{part}\x1b[0m"),
            // Without colour, green is told from blue by its pattern.
            (false, Ink::Block(Colour::Green)) => "\u{2592}".repeat(part.chars().count()),
            (false, _) => part.to_owned(),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore(&self.open);
        if let Some(reader) = self.reader.take() {
            // It looks at the flag after every wait of `KEY_WAIT`; it cannot panic.
            let _ = reader.join();
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
            Ok(true) => event::read().map(|event| meaning(&event)),
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

fn meaning(event: &Event) -> Option<Key> {
    let Event::Key(key) = event else { return None };
    if key.kind != KeyEventKind::Press {
        return None;
    }
    let KeyCode::Char(char) = key.code else {
        return (key.code == KeyCode::Esc).then_some(Key::Quit);
    };
    match (char, key.modifiers.contains(KeyModifiers::CONTROL)) {
        ('c' | 'd', true) | ('q', false) => Some(Key::Quit),
        ('s', false) => Some(Key::Switch),
        ('r', false) => Some(Key::Rollback),
        _ => None,
    }
}

/// Keys that wait to be acted upon.
const KEYS_LIMIT: usize = 8;
/// How long the reader waits before it looks whether it is still wanted.
const KEY_WAIT: Duration = Duration::from_millis(100);
