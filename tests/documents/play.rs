//! A page, played from its first line to its last.
//!
//! Owns what each part of a page does to its world. Must not be lenient: a tool that cannot be played here is an error, so
//! that nobody believes a page to be run that is not.
//!
//! `<!-- world: ... -->` is one of
//!
//! | order | does |
//! | --- | --- |
//! | `new` | begins again, with nothing |
//! | `start ADDR COLOUR` | starts an endpoint that the file does not name, or one that was stopped |
//! | `stop ADDR` | stops an endpoint |
//! | `stop cutover` | sends SIGTERM and waits for the end |
//! | `open URL [HOST]` | sends a request, reads the head of the answer, and leaves the rest in flight |
//! | `close` | drops those requests |
//! | `certificate NAME DAYS` | makes `NAME.pem` and `NAME.key`, which expire then |
//! | `says TEXT` | waits until cutover has logged it |

use std::{thread, time::Duration};

use serde_json::Value;

use crate::{
    authority::{Authority, Wish},
    curl::Curl,
    likeness::{self, Printed},
    page::{Block, Page, Part, Shown, Text},
    shape, shell,
    world::World,
};

/// Whether any of it is run.
pub(crate) fn is_played(page: &Page) -> bool {
    page.blocks().any(|it| it.says("run"))
}

/// How many commands there were, or what went otherwise first: what follows depends on it.
pub(crate) fn play(page: &Page) -> Result<usize, String> {
    let mut player = Player {
        world: World::new(),
        answered: None,
        played: 0,
    };
    for part in &page.parts {
        let done = match part {
            Part::Prose(_) => Ok(()),
            Part::Order(order) => player.obey(order).map_err(|error| (order.line, error)),
            Part::Block(block) => player.block(block),
        };
        done.map_err(|(line, error)| format!("{}: {error}", page.at(line)))?;
    }
    Ok(player.played)
}

struct Player {
    world: World,
    /// By a `curl` of which the page shows nothing.
    answered: Option<Value>,
    /// Commands so far.
    played: usize,
}

impl Player {
    fn block(&mut self, block: &Block) -> Result<(), (usize, String)> {
        let answered = self.answered.take();
        if block.language == "toml" {
            if let Some(name) = block.words.iter().find(|it| it.ends_with(".toml")) {
                let text = block.lines.join("\n");
                self.world.save(name, &text, block.says("append"));
            }
        } else if let ("json", Some(answered)) = (block.language.as_str(), answered) {
            return has_shape(&block.lines.join("\n"), &answered)
                .map_err(|error| (block.line, error));
        } else if block.is_shell() && block.says("run") {
            let all = block.shown();
            self.played += all.len();
            for (at, shown) in all.iter().enumerate() {
                let asks_for_code = all
                    .get(at + 1)
                    .is_some_and(|it| it.command.starts_with("echo $?"));
                self.step(shown, asks_for_code)
                    .map_err(|error| (shown.line, error))?;
            }
        }
        Ok(())
    }

    /// One command. Where it only looks, it is looked again until it is as the page shows.
    fn step(&mut self, shown: &Shown, asks_for_code: bool) -> Result<(), String> {
        let mut looks = if self.only_looks(&shown.command)? {
            LOOKS
        } else {
            1
        };
        loop {
            let (code, printed) = self.run(&shown.command)?;
            let may_fail = asks_for_code || shown.output.iter().any(|it| it.starts_with("error"));
            let is_like = shown.output.is_empty() || likeness::is_like(&shown.output, &printed);
            if is_like && (code == 0 || may_fail) {
                self.answered = serde_json::from_str(&printed.out.join("\n")).ok();
                return Ok(());
            }
            looks -= 1;
            if looks == 0 {
                let how = match is_like {
                    true => format!("ends with {code}"),
                    false => "does not print what the page shows".to_owned(),
                };
                return Err(format!(
                    "`{}` {how}; change the page if the program is right, the program if the page is\n{}",
                    shown.command,
                    likeness::differ(&shown.output, &printed)
                ));
            }
            thread::sleep(PAUSE);
        }
    }

    fn run(&mut self, line: &str) -> Result<(i32, Printed), String> {
        let entered = self.world.addresses.enter(line);
        let commands = shell::commands(&entered);
        let words = commands.first().cloned().unwrap_or_default();
        for command in &commands {
            let name = command.first().map_or("", String::as_str);
            let is_curl = name == "curl" && commands.len() == 1;
            if !is_curl && shell::ours(command).is_none() && !TOOLS.contains(&name) {
                return Err(format!(
                    "`{name}` cannot be played; take `run` from the fence, or use something else"
                ));
            }
        }
        let beside = entered
            .trim_end()
            .strip_suffix('&')
            .filter(|it| !it.ends_with('&'));
        match words.first().map_or("", String::as_str) {
            "curl" => return self.curl(&entered),
            "export" => {
                let settings = words.iter().filter_map(|it| it.split_once('='));
                settings.for_each(|(name, value)| self.world.export(name, value));
            }
            "wait" => return Ok((0, self.world.wait())),
            _ => match (shell::ours(&words), beside) {
                (Some([command, ..]), _) if command == "serve" => {
                    let printed = self.world.serve(shell::ours(&words).unwrap_or_default());
                    return Ok((0, printed));
                }
                (Some([command, rest @ ..]), _) if command == "demo-app" => self.app(rest)?,
                (Some([command, rest @ ..]), None) if command == "init" => {
                    let done = self.world.shell(&entered);
                    let file = rest.iter().find(|it| it.ends_with(".toml"));
                    self.world
                        .adopt(file.map_or("cutover.toml", String::as_str));
                    return Ok(done);
                }
                (_, Some(line)) => self.world.shell_beside(line),
                (_, None) => return Ok(self.world.shell(&entered)),
            },
        }
        Ok((0, Printed::default()))
    }

    /// `cutover demo-app`, as a page starts it.
    fn app(&mut self, words: &[String]) -> Result<(), String> {
        let value = |flag: &str| {
            let at = words.iter().position(|it| it == flag)?;
            words.get(at + 1).cloned()
        };
        match (
            value("--listen").and_then(|it| it.parse().ok()),
            value("--colour"),
        ) {
            (Some(addr), Some(colour)) => self.world.start_app(addr, &colour),
            _ => return Err("it needs --listen and --colour here".to_owned()),
        }
        Ok(())
    }

    fn curl(&mut self, line: &str) -> Result<(i32, Printed), String> {
        // The shell takes quotes and expansions apart.
        let (_, words) = self
            .world
            .shell(&format!("curl() {{ printf '%s\\n' \"$@\"; }}; {line}"));
        let words: Vec<_> = words
            .out
            .iter()
            .map(|it| self.world.addresses.enter(it))
            .collect();
        let curl = Curl::new(&words)?.within(self.world.folder());
        let (code, printed) = curl.run();
        self.world.ended_with(code);
        let (out, err) = (self.world.told(printed.out), self.world.told(printed.err));
        Ok((code, Printed { out, err }))
    }

    fn only_looks(&self, line: &str) -> Result<bool, String> {
        for words in shell::commands(line) {
            let looks = match (words.first().map(String::as_str), shell::ours(&words)) {
                (Some("curl"), _) => Curl::new(&words[1..])?.only_looks(),
                (Some(tool), None) => ["cat", "grep", "ls", "head", "tail", "test"].contains(&tool),
                (_, Some([command, flags @ ..])) => match command.as_str() {
                    "wait-safe" => flags.iter().any(|it| it == "--once"),
                    command => LOOKING.contains(&command),
                },
                (None, None) | (_, Some([])) => false,
            };
            if !looks {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn obey(&mut self, order: &Text) -> Result<(), String> {
        let entered = self.world.addresses.enter(&order.text);
        let words: Vec<&str> = entered.split(' ').collect();
        let addr = |word: &str| word.parse().map_err(|_| format!("`{word}` is no address"));
        match words.as_slice() {
            ["new"] => self.world = World::new(),
            ["start", at, colour] => self.world.start_app(addr(at)?, colour),
            ["stop", "cutover"] => self.world.stop_serving(),
            ["stop", at] => self.world.stop_app(addr(at)?),
            ["open", url, host @ ..] => {
                let host = host
                    .iter()
                    .flat_map(|it| ["-H".to_owned(), format!("Host: {it}")]);
                let words: Vec<_> = host.chain([(*url).to_owned()]).collect();
                let opened = Curl::new(&words)?.begin();
                let mut opened = opened.map_err(|error| error.to_string())?;
                opened
                    .read_exact(&mut [0; 12])
                    .map_err(|error| error.to_string())?;
                self.world.open.push(opened);
            }
            ["certificate", name, days] => {
                let days = days
                    .parse()
                    .map_err(|_| format!("`{days}` is no number of days"))?;
                let wish = Wish::hosts(&["shop.example.com"]).valid(-90, days);
                Authority::new("authority")
                    .issues(&wish)
                    .write(self.world.folder(), name);
            }
            ["close"] => self.world.open.clear(),
            ["says", ..] => {
                let text = order.text.trim_start_matches("says ");
                let says = |world: &World| world.log().iter().any(|it| it.contains(text));
                let said = (0..LOOKS).any(|_| {
                    says(&self.world) || {
                        thread::sleep(PAUSE);
                        false
                    }
                });
                if !said {
                    return Err(format!(
                        "cutover does not log this:\n{}",
                        self.world.log().join("\n")
                    ));
                }
            }
            _ => {
                return Err(format!(
                    "there is no order `{}`; play.rs has the list",
                    order.text
                ));
            }
        }
        Ok(())
    }
}

fn has_shape(shown: &str, answered: &Value) -> Result<(), String> {
    let shown = serde_json::from_str(shown).map_err(|error| format!("this is no JSON: {error}"))?;
    let found = shape::differences(&shown, answered);
    match found.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "the answer has another shape; change the page if the program is right\n{}\n{answered:#}",
            found.join("\n")
        )),
    }
}

/// How often is looked before a page is wrong, and how long between.
const LOOKS: u32 = 150;
const PAUSE: Duration = Duration::from_millis(100);

/// Commands that change nothing.
const LOOKING: [&str; 8] = [
    "status", "plan", "history", "diff", "health", "check", "events", "schema",
];

/// What every machine has.
const TOOLS: [&str; 21] = [
    "cat", "grep", "sed", "ls", "mkdir", "chmod", "cp", "mv", "rm", "head", "tail", "printf",
    "echo", "test", "true", "export", "wait", "umask", "tr", "base64", "cut",
];
