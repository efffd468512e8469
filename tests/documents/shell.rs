//! A line that is typed into a shell, as far as a reader takes it in: simple commands, each with its words.
//!
//! Owns quotes and what stands between commands. Must not run anything; what is to be run, a real shell takes apart.

/// The simple commands of a line. Redirections and comments are left out.
pub(crate) fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut is_target = false;
    for token in tokens(line) {
        match token {
            Token::Between => commands.push(Vec::new()),
            Token::Redirection => is_target = true,
            Token::Word(_) if is_target => is_target = false,
            Token::Word(word) => commands.last_mut().unwrap().push(word),
        }
    }
    commands.retain(|words| !words.is_empty());
    commands
}

/// The words that cutover is started with, if a command starts it: by itself, or by another tool.
pub(crate) fn ours(words: &[String]) -> Option<&[String]> {
    let is_setting = |word: &String| {
        let name = word.split_once('=').map_or("", |it| it.0);
        !name.is_empty() && name.chars().all(|it| it.is_ascii_uppercase() || it == '_')
    };
    let words = words.get(words.iter().take_while(|it| is_setting(it)).count()..)?;
    let is_path = |word: &String| word.starts_with(['/', '.']) && word.ends_with("/cutover");
    let first = words.first()?;
    if first == "cutover" || is_path(first) {
        return words.get(1..);
    }
    match first.as_str() {
        "cargo" if words.get(1).is_some_and(|it| it == "run") => after(words, |it| it == "--"),
        "docker" | "podman" | "kubectl" => after(words, is_path),
        // By a path first: `sudo -u cutover /usr/bin/cutover status`.
        "sudo" | "time" | "timeout" | "watch" | "nohup" | "ssh" | "flock" | "systemd-run" => {
            after(words, is_path).or_else(|| after(words, |it| it == "cutover"))
        }
        _ => None,
    }
}

fn after(words: &[String], is_it: impl Fn(&String) -> bool) -> Option<&[String]> {
    let at = words.iter().position(is_it)?;
    words.get(at + 1..)
}

enum Token {
    Word(String),
    Between,
    Redirection,
}

fn tokens(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(it) = chars.next() {
        match it {
            '\'' | '"' => {
                let quoted: String = chars.by_ref().take_while(|inside| *inside != it).collect();
                word.get_or_insert_default().push_str(&quoted);
            }
            '#' if word.is_none() => break,
            ' ' | '\t' => tokens.extend(word.take().map(Token::Word)),
            '&' | '|' | ';' | '(' | ')' => {
                tokens.extend(word.take().map(Token::Word));
                if chars.next_if_eq(&it).is_none() && it == '&' && chars.next_if_eq(&'1').is_some()
                {
                    // `2>&1`: the redirection has its target.
                    tokens.push(Token::Word(String::new()));
                } else {
                    tokens.push(Token::Between);
                }
            }
            '>' | '<' => {
                // A number before it is part of it.
                let is_number = |word: &String| word.chars().all(|it| it.is_ascii_digit());
                tokens.extend(word.take().filter(|it| !is_number(it)).map(Token::Word));
                tokens.push(Token::Redirection);
            }
            it => word.get_or_insert_default().push(it),
        }
    }
    tokens.extend(word.map(Token::Word));
    tokens
}

#[test]
fn lines_are_taken_apart_as_a_shell_would() {
    let taken = commands(
        "A=1 cutover switch shop green --reason \"release 7\" 2>&1 | tee log > /dev/null && b # c",
    );
    let taken: Vec<_> = taken.iter().map(|it| it.join("|")).collect();
    assert_eq!(
        taken,
        [
            "A=1|cutover|switch|shop|green|--reason|release 7",
            "tee|log",
            "b"
        ]
    );
}

#[test]
fn cutover_is_found_behind_other_tools() {
    for (line, expected) in [
        ("cutover status shop", Some("status shop")),
        ("CUTOVER_ADMIN=x ./cutover status", Some("status")),
        ("cargo run --release -- demo", Some("demo")),
        (
            "docker compose exec cutover /cutover switch shop green",
            Some("switch shop green"),
        ),
        ("kubectl rollout status deployment/shop-green", None),
        (
            "kubectl exec deploy/cutover -- /cutover status",
            Some("status"),
        ),
        ("install target/release/cutover /usr/bin/cutover", None),
        ("sudo -u cutover /usr/bin/cutover check", Some("check")),
    ] {
        let commands = commands(line);
        let found = ours(&commands[0]).map(|it| it.join(" "));
        assert_eq!(found.as_deref(), expected, "{line}");
    }
}
