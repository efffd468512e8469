//! What keys do, and what is never done by one.

use super::{
    ask::{Said, Wanted},
    board::{Act, Board, Page},
};
use crate::{
    admin::{rig, wire::About},
    cli::{
        feed::Fed,
        tests::{
            screens::possible,
            sights::{NOW, pulse, service},
        },
    },
    core::{
        gate::plan::Plan,
        ids::{Colour, ServiceName},
    },
    terminal::{Key, Line, Size},
};

const SIZE: Size = Size {
    columns: 60,
    rows: 20,
};

fn board(may_operate: bool) -> Board {
    let about = About {
        version: "0.0.0".to_owned(),
        actor: "alice".to_owned(),
        may_operate,
    };
    let mut board = Board::new(about, "http://127.0.0.1:9900".to_owned(), String::new());
    let names = ["api", "cart", "shop"];
    board.take_in(Fed::Pulse(pulse(names.map(service), 0)), NOW);
    board
}

fn text(board: &Board) -> String {
    let lines = board.draw(SIZE, NOW);
    assert!(lines.len() <= SIZE.rows, "{}", lines.len());
    let fits = |line: &Line| line.width() <= SIZE.columns;
    assert!(lines.iter().all(fits));
    lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")
}

fn press(board: &mut Board, keys: &[Key]) -> Vec<Act> {
    keys.iter().filter_map(|key| board.key(*key)).collect()
}

fn chosen(board: &Board) -> &str {
    board.chosen_view().unwrap().service.as_str()
}

fn wanted(service: &str, rollback: bool) -> Wanted {
    Wanted {
        service: ServiceName::new(service),
        to: Colour::Blue,
        rollback,
    }
}

#[test]
fn nothing_changes_without_a_plan_that_was_seen_and_a_yes() {
    for (key, rollback) in [('s', false), ('r', true)] {
        let mut board = board(true);
        let asked = wanted("api", rollback);
        let acts = press(&mut board, &[Key::Char(key), Key::Char('y'), Key::Enter]);
        assert_eq!(acts, [Act::Plan(asked.clone())], "no plan has been seen");
        assert!(text(&board).contains("asking the gates"));
        // Of another question.
        board.hear(Said::Plan(wanted("cart", rollback), Ok(possible())));
        assert_eq!(press(&mut board, &[Key::Char('y')]), []);
        board.hear(Said::Plan(asked.clone(), Ok(possible())));
        assert!(text(&board).contains("a switch would begin"));
        assert_eq!(press(&mut board, &[Key::Enter, Key::Char('x')]), []);
        assert_eq!(press(&mut board, &[Key::Char('y')]), [Act::Do(asked)]);
        assert!(matches!(board.page, Page::List));
        assert_eq!(press(&mut board, &[Key::Char('y')]), [], "once");
    }
}

#[test]
fn what_would_be_refused_is_not_done() {
    let refused = Plan {
        refusal: Some("it drains still".to_owned()),
        services: Vec::new(),
        ..rig::plan()
    };
    for (plan, why) in [
        (rig::plan(), "no endpoint is ready"),
        (refused, "it drains still"),
    ] {
        let mut board = board(true);
        press(&mut board, &[Key::Char('s')]);
        board.hear(Said::Plan(wanted("api", false), Ok(plan)));
        let shown = text(&board);
        assert!(
            shown.contains("it would be refused now:") && shown.contains(why),
            "{shown}"
        );
        assert!(
            !shown.contains(" y ") && !shown.contains("passed"),
            "{shown}"
        );
        assert_eq!(press(&mut board, &[Key::Char('y')]), []);
    }
}

#[test]
fn no_is_no() {
    for no in [Key::Char('n'), Key::Escape, Key::Char('q')] {
        let mut board = board(true);
        press(&mut board, &[Key::Char('s')]);
        board.hear(Said::Plan(wanted("api", false), Ok(possible())));
        assert_eq!(press(&mut board, &[no, Key::Char('y')]), []);
    }
}

#[test]
fn a_yes_to_what_is_not_so_any_more_does_nothing() {
    let mut changed = board(true);
    press(&mut changed, &[Key::Char('s')]);
    changed.hear(Said::Plan(wanted("api", false), Ok(possible())));
    let mut other = service("api");
    other.live = Colour::Blue;
    changed.take_in(Fed::Pulse(pulse([other], 0)), NOW);
    assert_eq!(press(&mut changed, &[Key::Char('y')]), []);
    assert!(text(&changed).contains("not done: what is live has changed"));

    let mut lost = board(true);
    press(&mut lost, &[Key::Char('s')]);
    lost.hear(Said::Plan(wanted("api", false), Ok(possible())));
    lost.take_in(Fed::Lost("it broke off".to_owned()), NOW);
    assert_eq!(press(&mut lost, &[Key::Char('y'), Key::Char('s')]), []);
    assert!(text(&lost).contains("STALE since 22:14:50, 0s ago; connecting again: it"));
}

#[test]
fn who_may_only_look_sees_no_key_that_changes_anything() {
    let mut board = board(false);
    assert!(!text(&board).contains("switch ") && !text(&board).contains("rollback"));
    let keys = [Key::Char('s'), Key::Char('r'), Key::Char('y')];
    assert_eq!(press(&mut board, &keys), []);
    assert!(text(&board).contains("your token may look"));
    press(&mut board, &[Key::Char('?')]);
    assert!(!text(&board).contains("roll back"));
}

#[test]
fn a_refusal_says_why_and_what_next() {
    let mut board = board(true);
    board.hear(Said::Done(Err(
        "no gate\nnext:\n  cutover status api".to_owned()
    )));
    let text = text(&board);
    assert!(
        text.contains(" refused: no gate\n next:\n   cutover status api"),
        "{text}"
    );
}

#[test]
fn the_chosen_service_stays_chosen_whatever_comes_and_goes() {
    let mut board = board(true);
    assert_eq!(chosen(&board), "api");
    press(&mut board, &[Key::Down, Key::Char('j'), Key::Char('j')]);
    assert_eq!(chosen(&board), "shop", "the last is the last");
    press(&mut board, &[Key::Char('k')]);
    assert_eq!(chosen(&board), "cart");
    let mut news = pulse(["basket", "beta"].map(service), 0);
    news.removed = vec![ServiceName::new("api")];
    board.take_in(Fed::Pulse(news), NOW);
    assert_eq!(chosen(&board), "cart");
    press(&mut board, &[Key::Char('g')]);
    assert_eq!(chosen(&board), "basket");
}

#[test]
fn a_filter_is_typed_kept_and_taken_away() {
    let mut board = board(true);
    press(
        &mut board,
        &[
            Key::Char('/'),
            Key::Char('r'),
            Key::Char('q'),
            Key::Backspace,
        ],
    );
    assert!(text(&board).contains(" /r_"));
    assert_eq!(press(&mut board, &[Key::Enter]), []);
    assert!(
        text(&board).contains("1 of 3 services with `r`"),
        "{}",
        text(&board)
    );
    assert_eq!(chosen(&board), "cart");
    press(&mut board, &[Key::Escape]);
    assert!(text(&board).contains("3 services"));
}

#[test]
fn hundreds_of_services_scroll_around_the_chosen_one() {
    let mut board = board(true);
    let names: Vec<_> = (0..400).map(|at| format!("svc-{at:03}")).collect();
    let services = names.iter().map(|name| service(name));
    board.take_in(Fed::Pulse(pulse(services, 0)), NOW);
    press(&mut board, &[Key::End]);
    assert!(text(&board).contains("> svc-399"), "{}", text(&board));
    press(&mut board, &[Key::PageUp; 20]);
    assert!(text(&board).contains("> svc-199"), "{}", text(&board));
    press(&mut board, &[Key::Home, Key::Enter]);
    assert!(
        text(&board).contains("api  green is live"),
        "{}",
        text(&board)
    );
    assert_eq!(
        press(&mut board, &[Key::Escape, Key::Char('q')]),
        [Act::Quit]
    );
}

#[test]
fn ctrl_c_leads_out_of_everything() {
    for way in [Key::Char('/'), Key::Char('?'), Key::Char('s'), Key::Enter] {
        let mut board = board(true);
        press(&mut board, &[way]);
        assert_eq!(press(&mut board, &[Key::Interrupt]), [Act::Quit]);
    }
}
