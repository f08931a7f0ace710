//! The orders of handshake messages: each legal one leads where the table has it, and each other one,
//! up to four messages after every state, ends in unexpected_message and a dead handshake.

mod ends;
mod picture;
mod table;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use handclasp::alert::AlertDescription;
use handclasp::handshake::Side;

use ends::End;
use table::{MESSAGES, Message, SCENARIOS, Scenario, State, Walk};

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// What may happen next: the messages of the peer, and what the application does.
fn legal_next(side: Side, walk: &Walk, state: State) -> Vec<(Message, State)> {
    let all = MESSAGES.into_iter().chain([Message::Start, Message::Request]);
    all.filter_map(|message| {
        let edge = table::legal(side, walk, state, message)?;
        let mut after = walk.clone();
        after.seen.push(message);
        Some((message, table::next(&after, edge)))
    })
    .collect()
}

/// Each state that this side can be in, with the shortest way there.
fn ways(side: Side, scenario: Scenario) -> HashMap<State, Vec<Message>> {
    let mut ways = HashMap::from([(State::Begin, Vec::new())]);
    let mut queue = VecDeque::from([State::Begin]);
    while let Some(state) = queue.pop_front() {
        let walk = Walk { scenario, seen: ways[&state].clone() };
        for (message, next) in legal_next(side, &walk, state) {
            if let Entry::Vacant(way) = ways.entry(next) {
                way.insert([&walk.seen[..], &[message]].concat());
                queue.push_back(next);
            }
        }
    }
    ways
}

/// Goes the legal way, and checks each answer of the end against the table.
fn go(side: Side, scenario: Scenario, way: &[Message]) -> (End, Walk, State) {
    let (mut end, mut state) = (End::new(side, scenario), State::Begin);
    let mut walk = Walk { scenario, seen: Vec::new() };
    for message in way {
        let edge = table::legal(side, &walk, state, *message).expect("the way is legal");
        let context = || format!("{side:?}, {scenario:?}: {way:?}, at {message:?}");
        let sent = end.take(&walk, *message).unwrap_or_else(|e| panic!("{}: {e}", context()));
        walk.seen.push(*message);
        let expected = edge.sends.iter().filter(|(when, _)| walk.holds(*when));
        let expected: Vec<_> = expected.map(|(_, message)| *message).collect();
        assert_eq!(sent, expected, "{}", context());
        state = table::next(&walk, edge);
        assert_eq!(end.handshake.is_complete(), is_complete(state), "{}", context());
    }
    (end, walk, state)
}

fn is_complete(state: State) -> bool {
    matches!(
        state,
        State::Connected
            | State::ConnectedAndRequesting
            | State::ConnectedExpectingCertificateVerify
            | State::ConnectedExpectingFinished
    )
}

/// Sends what is not legal after `way`, and then everything else: the first error stays.
fn refuse(side: Side, scenario: Scenario, way: &[Message], wrong: Message) {
    let (mut end, walk, _) = go(side, scenario, way);
    let context = || format!("{side:?}, {scenario:?}: {way:?}, then {wrong:?}");
    let Err(error) = end.take(&walk, wrong) else { panic!("{}: it is taken", context()) };
    let alert = error.alert_sent();
    assert_eq!(alert, Some(AlertDescription::UNEXPECTED_MESSAGE), "{}: {error}", context());
    for message in MESSAGES {
        assert_eq!(end.take(&walk, message).as_ref(), Err(&error), "{}", context());
    }
    assert!(!end.handshake.is_complete() && end.handshake.next_step().is_none());
}

/// The legal ways of up to three messages from every state of this side.
fn all_ways(side: Side, scenario: Scenario) -> HashSet<(Vec<Message>, State)> {
    let start = ways(side, scenario).into_iter().map(|(state, way)| (way, state));
    let mut all: HashSet<_> = start.collect();
    let mut newest: Vec<_> = all.iter().cloned().collect();
    for _ in 0..3 {
        let mut next = Vec::new();
        for (way, state) in newest {
            let walk = Walk { scenario, seen: way };
            for (message, to) in legal_next(side, &walk, state) {
                next.push(([&walk.seen[..], &[message]].concat(), to));
            }
        }
        all.extend(next.iter().cloned());
        newest = next;
    }
    all
}

fn check(side: Side, scenario: Scenario) {
    let mut refused = 0;
    for (way, state) in all_ways(side, scenario) {
        if state == State::Begin {
            continue;
        }
        go(side, scenario, &way);
        let walk = Walk { scenario, seen: way };
        for wrong in MESSAGES {
            // Without certificates, a server's Certificate is wrong in itself.
            let same = match wrong {
                Message::EmptyCertificate if side == Side::Client => Message::Certificate,
                wrong => wrong,
            };
            if table::legal(side, &walk, state, same).is_none() {
                refuse(side, scenario, &walk.seen, wrong);
                refused += 1;
            }
        }
    }
    assert!(refused > 40, "{refused}");
    println!("{side:?}, {scenario:?}: {refused} orders are refused");
}

#[test]
fn a_client_takes_no_other_order_of_messages() {
    SCENARIOS.into_iter().for_each(|scenario| check(Side::Client, scenario));
}

#[test]
fn a_server_takes_no_other_order_of_messages() {
    SCENARIOS.into_iter().for_each(|scenario| check(Side::Server, scenario));
}

/// A row that no scenario reaches would test nothing.
#[test]
fn every_row_of_the_table_is_walked() {
    for side in SIDES {
        let mut walked = BTreeSet::new();
        for scenario in SCENARIOS {
            for (way, state) in all_ways(side, scenario) {
                let walk = Walk { scenario, seen: way };
                walked.extend(legal_next(side, &walk, state).iter().map(|next| (state, next.0)));
            }
        }
        for edge in table::edges(side) {
            assert!(walked.contains(&(edge.from, edge.on)), "{:?}: {:?}", edge.from, edge.on);
        }
    }
}

/// ARCHITECTURE.md has the picture that the table makes. A mismatch prints the right one.
#[test]
fn the_picture_is_that_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md");
    let (text, picture) = (std::fs::read_to_string(path).unwrap(), picture::of_the_table());
    let shown = text.contains(&format!("```text\n{picture}```\n"));
    assert!(shown, "ARCHITECTURE.md should have:\n{picture}");
}

/// The source of one side, or of both where no side is named: each file with its path.
fn source(folder: &str) -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/handshake");
    let mut files = Vec::new();
    let mut folders = vec![format!("{root}{folder}")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(name);
            } else if name.ends_with(".rs") {
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

fn folder_of(side: Side) -> &'static str {
    match side {
        Side::Client => "/client",
        Side::Server => "/server",
    }
}

/// Is this item declared in the text?
fn declares(text: &str, item: &str) -> bool {
    text.match_indices(item).any(|(at, _)| {
        let next = text[at + item.len()..].chars().next();
        !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
    })
}

/// The variants of an enum, up to its end.
fn variants<'a>(text: &'a str, declaration: &str) -> BTreeSet<&'a str> {
    let (_, body) = text.split_once(declaration).expect("the enum is there");
    let (body, _) = body.split_once("\n}").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter_map(|line| line.split(['(', ',', ' ']).next());
    names.filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase())).collect()
}

/// The types that the table names for a side: those that wait for a message, and those that wait for
/// an answer.
fn named_types(side: Side) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    for edge in table::edges(side) {
        let states = edge.to.iter().map(|(_, state)| *state).chain([edge.from]);
        names.extend(states.filter_map(|state| state.name(side)).map(|name| name.type_name));
        names.extend(edge.waits.iter().map(|wait| wait.type_name));
    }
    names
}

/// The names in the picture are those of the code: a reader can search for each of them.
#[test]
fn the_table_names_types_functions_and_questions_of_the_code() {
    let all = source("");
    let questions = all.iter().find(|(path, _)| path.ends_with("/handshake/question.rs"));
    let questions = variants(&questions.unwrap().1, "pub enum Question {");
    let mut asked = BTreeSet::new();
    for side in SIDES {
        let files = source(folder_of(side));
        for name in named_types(side) {
            let is_there = all.iter().any(|(_, text)| declares(text, &format!("struct {name}")));
            assert!(is_there, "{side:?}: no type {name}");
        }
        for edge in table::edges(side) {
            for function in edge.decides {
                let (file, function) = function.split_once("::").unwrap();
                let file = files.iter().find(|(path, _)| path.ends_with(&format!("/{file}.rs")));
                let is_there =
                    file.is_some_and(|(_, text)| declares(text, &format!("fn {function}")));
                assert!(is_there, "{side:?}: no function {function}");
            }
            for wait in edge.waits {
                for question in wait.questions {
                    assert!(questions.contains(question), "{side:?}: no question {question}");
                    asked.insert(*question);
                }
            }
        }
    }
    assert_eq!(asked, questions, "each question is asked somewhere");
}

/// No state of the code is left out of the table.
#[test]
fn each_state_of_the_code_is_in_the_table() {
    for side in SIDES {
        let files = source(folder_of(side));
        let (_, text) = files.iter().find(|(path, _)| path.ends_with("/mod.rs")).unwrap();
        let mut states = variants(text, "enum State {");
        // Not a state: it is on the way from one to the next.
        states.remove("Moving");
        states.insert("Connected");
        states.insert(match side {
            Side::Client => "PostHandshakeAuthClient",
            Side::Server => "PostHandshakeAuthServer",
        });
        assert_eq!(states, named_types(side), "{side:?}");
    }
}
