//! What frames may come when, and how each that may not is answered (RFC 9113 sections 3 to 6).

use crate::{
    cases::{
        Case,
        Reaches::{AtMostOnce, Nothing, Once},
        Sees::{self, Answer, Farewell, Reset},
        case, open, run, whole,
    },
    support::frames::{
        ACK, CONTINUATION, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, Frame,
        GOAWAY, HEADERS, NO_ERROR, PADDED, PING, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE,
        RST_STREAM, SETTINGS, WINDOW_UPDATE, data, get, headers, hpack, ping, reset, settings,
        window_update,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_framed_by_the_letter() {
    run(FRAMING).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_come_in_one_piece() {
    run(HEADS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_go_through_their_states_in_order() {
    run(STATES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_steers_a_connection_is_judged() {
    run(CONTROL).await;
}

#[test]
fn no_case_has_been_taken_out() {
    let tables = [FRAMING, HEADS, STATES, CONTROL];
    let cases: usize = tables.into_iter().map(<[Case]>::len).sum();
    assert!(cases >= FRAME_CASES, "only {cases}");
}

/// Fewer would mean that somebody has taken cases out.
const FRAME_CASES: usize = 60;

const FRAMING: &[Case] = &[
    case(
        ("4.1", "a frame of an unknown kind is ignored"),
        |path| vec![Frame::new(0xfa, 0xff, 0, *b"what"), whole(path)],
        (Answer(200), Once),
    ),
    case(
        ("4.1", "flags that mean nothing are ignored"),
        |path| vec![headers(1, END_STREAM | 0xc2, &get(path))],
        (Answer(200), Once),
    ),
    case(
        ("4.1", "the reserved bit of a stream number means nothing"),
        |path| vec![headers(0x8000_0001, END_STREAM, &get(path))],
        (Answer(200), Once),
    ),
    case(
        ("4.2", "DATA larger than was offered"),
        |path| vec![open(path, &[]), data(1, END_STREAM, vec![0; 16_385])],
        (Farewell(FRAME_SIZE_ERROR), AtMostOnce),
    ),
    case(
        ("4.2", "HEADERS larger than was offered"),
        |path| {
            let block = [hpack(&get(path)), vec![0; 16_384]].concat();
            vec![Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block)]
        },
        (Farewell(FRAME_SIZE_ERROR), Nothing),
    ),
    case(
        ("6.1", "DATA with padding, which is not passed on"),
        |path| {
            let padded = [&[5][..], b"hello", &[0; 5]].concat();
            vec![
                open(path, &[("content-length", "5")]),
                data(1, END_STREAM | PADDED, padded),
            ]
        },
        (Answer(200), Once),
    ),
    case(
        ("6.1", "DATA with more padding than payload"),
        |path| {
            vec![
                open(path, &[]),
                data(1, END_STREAM | PADDED, [6, 0, 0, 0, 0, 0]),
            ]
        },
        (Farewell(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("6.1", "DATA on no stream"),
        |path| vec![data(0, END_STREAM, *b"x"), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.1", "a body in many pieces, some of them empty"),
        |path| {
            let mut all = vec![open(path, &[("content-length", "6")])];
            all.extend([b"a", b"b", b"c"].map(|byte| data(1, 0, *byte)));
            all.extend([data(1, 0, []), data(1, 0, *b"def"), data(1, END_STREAM, [])]);
            all
        },
        (Answer(200), Once),
    ),
];

const HEADS: &[Case] = &[
    case(
        ("6.2", "HEADERS with padding and a priority"),
        |path| {
            let block = [&[2, 0, 0, 0, 0, 16][..], &hpack(&get(path)), &[0, 0]].concat();
            vec![Frame::new(
                HEADERS,
                END_STREAM | END_HEADERS | PADDED | 0x20,
                1,
                block,
            )]
        },
        (Answer(200), Once),
    ),
    case(
        ("6.2", "HEADERS with more padding than payload"),
        |_| {
            vec![Frame::new(
                HEADERS,
                END_STREAM | END_HEADERS | PADDED,
                1,
                [9, 0, 0],
            )]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.2", "HEADERS on no stream"),
        |path| vec![headers(0, END_STREAM, &get(path))],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.10", "a head in three pieces"),
        |path| {
            let block = hpack(&get(path));
            vec![
                Frame::new(HEADERS, END_STREAM, 1, &block[..7]),
                Frame::new(CONTINUATION, 0, 1, &block[7..20]),
                Frame::new(CONTINUATION, END_HEADERS, 1, &block[20..]),
            ]
        },
        (Answer(200), Once),
    ),
    case(
        ("6.10", "a head in pieces, the first of them empty"),
        |path| {
            vec![
                Frame::new(HEADERS, END_STREAM, 1, []),
                Frame::new(CONTINUATION, END_HEADERS, 1, hpack(&get(path))),
            ]
        },
        (Answer(200), Once),
    ),
    case(
        ("6.10", "another frame between the pieces of a head"),
        |path| {
            let block = hpack(&get(path));
            vec![
                Frame::new(HEADERS, END_STREAM, 1, &block[..7]),
                ping(),
                Frame::new(CONTINUATION, END_HEADERS, 1, &block[7..]),
            ]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.10", "an unknown frame between the pieces of a head"),
        |path| {
            let block = hpack(&get(path));
            vec![
                Frame::new(HEADERS, END_STREAM, 1, &block[..7]),
                Frame::new(0xfa, 0, 1, []),
                Frame::new(CONTINUATION, END_HEADERS, 1, &block[7..]),
            ]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.10", "the rest of a head on another stream"),
        |path| {
            let block = hpack(&get(path));
            vec![
                Frame::new(HEADERS, END_STREAM, 1, &block[..7]),
                Frame::new(CONTINUATION, END_HEADERS, 3, &block[7..]),
            ]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.10", "CONTINUATION after a head that has ended"),
        |path| {
            vec![
                open(path, &[]),
                Frame::new(CONTINUATION, END_HEADERS, 1, []),
            ]
        },
        (Farewell(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("6.10", "CONTINUATION of nothing"),
        |path| vec![Frame::new(CONTINUATION, END_HEADERS, 1, hpack(&get(path)))],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("4.3", "an index that no table has"),
        |_| {
            vec![Frame::new(
                HEADERS,
                END_STREAM | END_HEADERS,
                1,
                [0x82, 0xff, 0xff, 0x7f],
            )]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("4.3", "a block that ends within a field"),
        |path| {
            let mut block = hpack(&get(path));
            block.truncate(block.len() - 3);
            vec![Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block)]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("4.3", "a number that never ends"),
        |_| {
            let block = [&[0x10, 0x7f][..], &[0xff; 20]].concat();
            vec![Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block)]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("4.3", "a table made larger than was offered"),
        |path| {
            let block = [&[0x3f, 0xe1, 0xff, 0x03][..], &hpack(&get(path))].concat();
            vec![Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block)]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("4.3", "a Huffman code that stands for nothing"),
        |_| {
            let block = [0x82, 0x86, 0x41, 0x84, 0xff, 0xff, 0xff, 0xff];
            vec![Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block)]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
];

const STATES: &[Case] = &[
    case(
        ("5.1", "DATA on a stream that was never begun"),
        |path| {
            vec![
                data(1, END_STREAM, *b"x"),
                headers(3, END_STREAM, &get(path)),
            ]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("5.1", "RST_STREAM on a stream that was never begun"),
        |path| vec![reset(1, NO_ERROR), headers(3, END_STREAM, &get(path))],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("5.1", "WINDOW_UPDATE on a stream that was never begun"),
        |path| vec![window_update(1, 1), headers(3, END_STREAM, &get(path))],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("5.1", "PRIORITY on a stream that was never begun"),
        |path| vec![Frame::new(PRIORITY, 0, 7, [0, 0, 0, 0, 1]), whole(path)],
        (Answer(200), Once),
    ),
    case(
        ("5.1", "DATA after the end of the stream"),
        |path| vec![whole(path), data(1, END_STREAM, *b"x")],
        (Farewell(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("5.1", "a second head after the end of the stream"),
        |path| vec![whole(path), whole(path)],
        (Farewell(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        (
            "5.1",
            "WINDOW_UPDATE and PRIORITY after the end of the stream",
        ),
        |path| {
            let priority = Frame::new(PRIORITY, 0, 1, [0, 0, 0, 0, 1]);
            vec![whole(path), window_update(1, 10), priority]
        },
        (Answer(200), Once),
    ),
    case(
        ("5.1.1", "a stream with an even number"),
        |path| vec![headers(2, END_STREAM, &get(path))],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("5.1.1", "a stream with a lower number than the one before"),
        |path| {
            vec![
                headers(5, END_STREAM, &get("/other")),
                headers(3, END_STREAM, &get(path)),
            ]
        },
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("5.4.2", "a request that is taken back at once"),
        |path| vec![open(path, &[]), reset(1, 8)],
        (Sees::Nothing, Nothing),
    ),
    case(
        ("6.4", "RST_STREAM on no stream"),
        |_| vec![Frame::new(RST_STREAM, 0, 0, [0, 0, 0, 8])],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.4", "RST_STREAM that is too long"),
        |path| vec![open(path, &[]), Frame::new(RST_STREAM, 0, 1, [0; 5])],
        (Farewell(FRAME_SIZE_ERROR), Nothing),
    ),
    case(
        ("6.9", "DATA beyond the window of its stream"),
        |path| {
            let mut all = vec![open(path, &[("expect", "100-continue")])];
            all.extend(vec![data(1, 0, vec![0; 16_384]); 300]);
            all
        },
        (Reset(FLOW_CONTROL_ERROR), AtMostOnce),
    ),
    case(
        ("8.1", "a second head that does not end the stream"),
        |path| vec![open(path, &[]), open(path, &[])],
        (Reset(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("8.1", "trailers after DATA"),
        |path| {
            vec![
                open(path, &[("trailer", "x-sum")]),
                data(1, 0, *b"body"),
                headers(1, END_STREAM, &[("x-sum", "7")]),
            ]
        },
        (Answer(200), Once),
    ),
    case(
        ("8.1", "DATA after trailers"),
        |path| {
            vec![
                open(path, &[]),
                headers(1, END_STREAM, &[("x-sum", "7")]),
                data(1, END_STREAM, *b"x"),
            ]
        },
        (Farewell(PROTOCOL_ERROR), AtMostOnce),
    ),
];

const CONTROL: &[Case] = &[
    case(
        ("6.3", "PRIORITY that is too short"),
        |path| vec![Frame::new(PRIORITY, 0, 1, [0; 4]), whole(path)],
        (Farewell(FRAME_SIZE_ERROR), Nothing),
    ),
    case(
        ("6.3", "PRIORITY on no stream"),
        |path| vec![Frame::new(PRIORITY, 0, 0, [0; 5]), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.5", "SETTINGS on a stream"),
        |path| vec![Frame::new(SETTINGS, 0, 1, []), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.5", "SETTINGS of a broken length"),
        |path| vec![Frame::new(SETTINGS, 0, 0, [0; 5]), whole(path)],
        (Farewell(FRAME_SIZE_ERROR), Nothing),
    ),
    case(
        ("6.5", "an acknowledgement that says something"),
        |path| vec![Frame::new(SETTINGS, ACK, 0, [0; 6]), whole(path)],
        (Farewell(FRAME_SIZE_ERROR), Nothing),
    ),
    case(
        ("6.5.2", "ENABLE_PUSH that is neither yes nor no"),
        |path| vec![settings(&[(2, 2)]), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.5.2", "a window that is too large (the code is h2's)"),
        |path| vec![settings(&[(4, 0x8000_0000)]), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.5.2", "a frame size that is too small"),
        |path| vec![settings(&[(5, 100)]), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.5.2", "a setting that nobody knows"),
        |path| vec![settings(&[(0x99, 7), (3, 0)]), whole(path)],
        (Answer(200), Once),
    ),
    case(
        ("6.6", "PUSH_PROMISE of a client"),
        |path| {
            let promise = [&[0, 0, 0, 2][..], &hpack(&get(path))].concat();
            vec![
                open(path, &[]),
                Frame::new(PUSH_PROMISE, END_HEADERS, 1, promise),
            ]
        },
        (Farewell(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("6.7", "PING on a stream"),
        |path| vec![Frame::new(PING, 0, 1, [0; 8]), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.7", "PING that is too short"),
        |path| vec![Frame::new(PING, 0, 0, [0; 7]), whole(path)],
        (Farewell(FRAME_SIZE_ERROR), Nothing),
    ),
    case(
        ("6.7", "the answer to a PING that nobody sent"),
        |path| vec![Frame::new(PING, ACK, 0, [1; 8]), whole(path)],
        (Answer(200), Once),
    ),
    case(
        ("6.8", "GOAWAY on a stream"),
        |path| vec![Frame::new(GOAWAY, 0, 1, [0; 8]), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.8", "GOAWAY that is too short"),
        |path| vec![Frame::new(GOAWAY, 0, 0, [0; 7]), whole(path)],
        (Farewell(FRAME_SIZE_ERROR), Nothing),
    ),
    case(
        ("6.9", "WINDOW_UPDATE of nothing, for the connection"),
        |path| vec![window_update(0, 0), whole(path)],
        (Farewell(PROTOCOL_ERROR), Nothing),
    ),
    case(
        ("6.9", "WINDOW_UPDATE of nothing, for a stream"),
        |path| vec![open(path, &[]), window_update(1, 0)],
        (Farewell(PROTOCOL_ERROR), AtMostOnce),
    ),
    case(
        ("6.9", "WINDOW_UPDATE that is too short"),
        |path| vec![Frame::new(WINDOW_UPDATE, 0, 0, [0; 3]), whole(path)],
        (Farewell(FRAME_SIZE_ERROR), Nothing),
    ),
    case(
        ("6.9.1", "a connection's window beyond its bound"),
        |path| vec![window_update(0, 0x7fff_ffff), whole(path)],
        (Farewell(FLOW_CONTROL_ERROR), Nothing),
    ),
    case(
        ("6.9.1", "a stream's window beyond its bound"),
        |path| vec![open(path, &[]), window_update(1, 0x7fff_ffff)],
        (Reset(FLOW_CONTROL_ERROR), AtMostOnce),
    ),
];
