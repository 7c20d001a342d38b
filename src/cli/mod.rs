//! The command line: one file a command. Data goes to stdout, talk to stderr.

mod acknowledge;
mod backup;
mod bind;
mod calling_code;
mod check;
mod clearance;
mod completions;
mod coverage;
mod demo;
mod doctor;
mod endpoint;
mod epoch;
mod erase;
mod key;
mod keys;
mod lines;
mod migrate;
mod number;
mod numbers;
mod once;
mod participant;
mod publish;
mod say;
mod serve;
mod session;
pub mod spelling;
mod status;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::client;
use crate::domain::text::must_hold_no_phone_number;
use say::tell;
use session::{Global, Session};

/// A phone-number recycling registry.
#[derive(Debug, Parser)]
#[command(name = "vacate", version, about, max_term_width = 100, after_help = EXIT_CODES)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed, 2 usage, 3 some items rejected, 4 refused (key or permission),
5 unavailable: try again, 10 check says step_up, 11 check says freeze, 130 interrupted.";

// Each says for itself what it is.
#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Migrate(migrate::Migrate),
    Backup(backup::Command),
    Doctor(doctor::Doctor),
    Status(status::Status),
    #[command(subcommand)]
    Participant(participant::Participant),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    CallingCode(calling_code::Command),
    Coverage(coverage::Coverage),
    #[command(subcommand)]
    Epoch(epoch::Epoch),
    Erase(erase::Erase),
    #[command(subcommand)]
    Keys(keys::Keys),
    #[command(subcommand)]
    Number(number::Number),
    Publish(publish::Publish),
    Bind(bind::Bind),
    Ack(acknowledge::Acknowledge),
    Check(check::Check),
    Clearance(clearance::Clearance),
    #[command(subcommand)]
    Endpoint(endpoint::Endpoint),
    Completions(completions::Completions),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what it should.
    Done,
    /// It failed.
    Failed,
    /// It can't be understood.
    Usage,
    /// It did what it should with some items; others were rejected.
    SomeRejected,
    /// The key, or what it may do, doesn't suffice.
    Refused,
    /// Later it may work.
    Unavailable,
    /// A check advises to step up.
    StepUp,
    /// A check advises to freeze.
    Freeze,
    /// Somebody stopped it.
    Interrupted,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> ExitCode {
        ExitCode::from(match ended {
            Ended::Done => 0,
            Ended::Failed => 1,
            Ended::Usage => 2,
            Ended::SomeRejected => 3,
            Ended::Refused => 4,
            Ended::Unavailable => 5,
            Ended::StepUp => 10,
            Ended::Freeze => 11,
            Ended::Interrupted => 130,
        })
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// A call has no answer.
    Call(client::Error),
    /// The command line is wrong, for this reason.
    Usage(String),
    /// Something else went wrong.
    Failed(String),
    /// Nobody reads the output any more, which is no failure.
    NobodyReads,
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Failure {
        Failure::Call(error)
    }
}

impl Failure {
    /// Tells why, and with which code to end.
    fn told(&self) -> Ended {
        match self {
            Failure::Call(error) => {
                let unreachable = matches!(error, client::Error::Unreachable(_));
                let remedy =
                    if unreachable { "; does it run? --url or VACATE_URL says where" } else { "" };
                tell(&format!("vacate: {error}{remedy}"));
                match error.class() {
                    client::Class::Forbidden => Ended::Refused,
                    client::Class::Unavailable => Ended::Unavailable,
                    client::Class::Failed => Ended::Failed,
                }
            }
            Failure::Usage(why) => {
                tell(&format!("vacate: {why}"));
                Ended::Usage
            }
            Failure::Failed(why) => {
                tell(&format!("vacate: {why}"));
                Ended::Failed
            }
            Failure::NobodyReads => Ended::Done,
        }
    }

    /// Whether the same command may have more luck.
    fn may_pass(&self) -> bool {
        match self {
            Failure::Call(error) => error.class() == client::Class::Unavailable,
            Failure::Usage(_) | Failure::Failed(_) | Failure::NobodyReads => false,
        }
    }
}

/// What a command returns.
type Outcome = Result<Ended, Failure>;

/// Runs the command line that `arguments` are.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match parse(arguments) {
        Ok(arguments) => arguments,
        Err(mut error) => {
            hide_numbers(&mut error);
            // Help and version come this way too, and belong on stdout.
            let shown = error.print();
            let ended = if error.use_stderr() { Ended::Usage } else { Ended::Done };
            return if shown.is_ok() { ended.into() } else { Ended::Done.into() };
        }
    };
    dispatch(&arguments.global, arguments.command).unwrap_or_else(|failure| failure.told()).into()
}

/// What is wrong with an argument is said with the argument, and that may be a phone number.
fn hide_numbers(error: &mut clap::Error) {
    use clap::error::{ContextKind, ContextValue};
    let has_number = |value: &ContextValue| matches!(value, ContextValue::String(text) if must_hold_no_phone_number(text).is_err());
    let kinds: Vec<ContextKind> =
        error.context().filter(|(_, value)| has_number(value)).map(|(kind, _)| kind).collect();
    for kind in kinds {
        error.insert(kind, ContextValue::String("…".to_owned()));
    }
}

/// Flags of all commands that these can't use.
const IDLE: [(&str, &[&str]); 6] = [
    ("serve", &["url", "key_file", "json", "quiet", "verbose", "color"]),
    ("demo", &["config", "url", "key_file", "json", "quiet", "verbose", "color"]),
    ("completions", &["config", "url", "key_file", "json", "quiet", "verbose", "color"]),
    ("migrate", &["url", "key_file"]),
    ("doctor", &["url", "key_file"]),
    ("keys", &["url", "key_file"]),
];

/// Refuses a flag that would have no effect: somebody believes that it has one.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let mut command = command_line();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let name = matches.subcommand_name().unwrap_or_default();
    let idle = IDLE.iter().find(|(idle, _)| *idle == name).map_or(&[][..], |(_, flags)| flags);
    let given = |flag: &&&str| matches.value_source(flag) == Some(ValueSource::CommandLine);
    if let Some(flag) = idle.iter().find(given) {
        let flag = flag.replace('_', "-");
        let why = format!("vacate {name} has no use for --{flag}; see vacate {name} --help");
        return Err(command.error(ErrorKind::UnknownArgument, why));
    }
    Arguments::from_arg_matches(&matches)
}

/// All commands; in the help of each, the flags that it can use.
fn command_line() -> clap::Command {
    let whole = Arguments::command();
    let flags: Vec<clap::Arg> = whole.get_arguments().cloned().collect();
    IDLE.iter().fold(whole, |whole, (name, idle)| {
        let hidden = flags.iter().filter(|flag| idle.contains(&flag.get_id().as_str()));
        let hidden: Vec<clap::Arg> = hidden.map(|flag| flag.clone().hide(true)).collect();
        whole.mut_subcommand(name, |command| command.args(hidden))
    })
}

fn dispatch(global: &Global, command: Command) -> Outcome {
    match command {
        Command::Serve(serve) => serve.run(global.config.as_deref()),
        Command::Demo(demo) => demo.run(),
        Command::Migrate(migrate) => migrate.run(global),
        Command::Backup(backup) => backup.run(global),
        Command::Completions(completions) => completions.run(&mut command_line()),
        Command::Doctor(doctor) => until_interrupted(doctor.run(global)),
        Command::Status(status) => speak(global, async |to| status.run(to).await),
        Command::Participant(participant) => speak(global, async |to| participant.run(to).await),
        Command::Key(key) => speak(global, async |to| key.run(to).await),
        Command::CallingCode(code) => speak(global, async |to| code.run(to).await),
        Command::Coverage(coverage) => speak(global, async |to| coverage.run(to).await),
        Command::Number(number) => speak(global, async |to| number.run(to).await),
        Command::Publish(publish) => speak(global, async |to| publish.run(to).await),
        Command::Bind(bind) => speak(global, async |to| bind.run(to).await),
        Command::Ack(acknowledge) => speak(global, async |to| acknowledge.run(to).await),
        Command::Check(check) => speak(global, async |to| check.run(to).await),
        Command::Clearance(clearance) => speak(global, async |to| clearance.run(to).await),
        Command::Erase(erase) => speak(global, async |to| erase.run(to).await),
        Command::Epoch(epoch) => epoch.run(global),
        Command::Keys(keys) => keys.run(global),
        Command::Endpoint(endpoint) => speak(global, async |to| endpoint.run(to).await),
    }
}

/// Runs a command that speaks with a registry.
fn speak(global: &Global, command: impl AsyncFnOnce(&Session) -> Outcome) -> Outcome {
    let session = Session::new(global)?;
    until_interrupted(command(&session))
}

/// Runs a command until it ends or Ctrl-C is pressed.
fn until_interrupted(command: impl Future<Output = Outcome>) -> Outcome {
    on_threads(async {
        tokio::select! {
            ended = command => ended,
            _ = tokio::signal::ctrl_c() => Ok(Ended::Interrupted),
        }
    })
}

/// Runs a command on threads of its own.
fn on_threads(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::Failed(format!("no threads to run on: {error}")))?;
    let ended = runtime.block_on(command);
    // A name that is still being looked up must not hold us.
    runtime.shutdown_background();
    ended
}

/// Hears SIGTERM and Ctrl-C, from now on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::Failed(format!("signals can't be heard: {error}")))
        };
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for either.
    async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
