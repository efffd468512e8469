//! What was pressed, apart from what it means.

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// The line above.
    Up,
    /// The line below.
    Down,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// The first line.
    Home,
    /// The last line.
    End,
    /// Yes, or more of it.
    Enter,
    /// No, or back.
    Escape,
    /// Without the last character.
    Backspace,
    /// Ctrl-C or Ctrl-D, which raw mode makes keys of.
    Interrupt,
    /// No key: the terminal has another size now.
    Resized,
}

impl Key {
    pub(super) fn of(event: &Event) -> Option<Self> {
        let key = match event {
            Event::Resize(..) => return Some(Self::Resized),
            Event::Key(key) if key.kind != KeyEventKind::Release => key,
            Event::Key(_) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) => return None,
        };
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return matches!(key.code, KeyCode::Char('c' | 'd')).then_some(Self::Interrupt);
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "of all the keys that there are, only these are of use"
        )]
        Some(match key.code {
            KeyCode::Char(char) => Self::Char(char),
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace => Self::Backspace,
            _ => return None,
        })
    }
}
