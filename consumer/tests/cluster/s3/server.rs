//! Runs moto, a server with S3's API, which pip installs into the target folder the first time.
//!
//! The server supports conditional writes (If-None-Match, If-Match), and of several such writes at once one succeeds:
//! the checkpoints rest on that. Its objects are in its memory. It ends with this process, however that ends: a shell
//! that holds the other end of a pipe stops it when the pipe closes.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use consumer::checkpoint::location::Location;
use consumer::checkpoint::store::Store;
use testkit::DEADLINE;

const REQUIRE: &str = "CARDSTREAM_REQUIRE_S3";
const REQUIREMENTS: &str = include_str!("requirements.txt");
const BUCKET: &str = "checkpoints";

static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

/// Why there is no server to test with.
pub enum Absent {
    /// Something that the server needs is missing, and the tests may be ignored.
    Allowed(String),
    Failed(String),
}

/// A running server with an empty bucket.
pub struct Server {
    address: String,
    /// The shell at the other end of the pipe.
    _shell: Child,
}

/// Returns the server; the first call starts it.
pub fn server() -> Result<&'static Server, Absent> {
    let has_venv = succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]));
    if has_venv.is_err() {
        let reason = "python3 with venv is missing".to_owned();
        return Err(match env::var_os(REQUIRE) {
            Some(value) if value == "1" => Absent::Failed(format!("{reason}, and {REQUIRE}=1")),
            _ => Absent::Allowed(reason),
        });
    }
    let server = SERVER.get_or_init(start).as_ref();
    server.map_err(|reason| Absent::Failed(reason.clone()))
}

impl Server {
    /// Returns the location of a test's own objects, as CHECKPOINT_LOCATION has it.
    pub fn url(&self, test: &str) -> String {
        format!("s3://{BUCKET}/{test}")
    }

    /// Returns the environment variables with which the store finds the server.
    pub fn environment(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    pub fn location(&self, test: &str) -> Location {
        Location::parse(&self.url(test), self.environment()).unwrap()
    }

    pub fn store(&self, test: &str) -> Store {
        self.location(test).open().unwrap()
    }
}

fn start() -> Result<Server, String> {
    let python = installed()?;
    let mut shell = Command::new("sh")
        .args(["-c", "\"$@\" </dev/null & cat; kill $!", "sh"])
        .arg(python)
        .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // A signal that interrupts the tests must not reach the shell, so it gets a process group of its own.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("no shell to run moto in: {error}"))?;
    let addresses = addresses(shell.stderr.take().expect("it is piped"));
    let address = addresses
        .recv_timeout(DEADLINE)
        .map_err(|error| format!("moto does not serve: {error}"))?;
    create_bucket(&address).map_err(|error| format!("moto makes no bucket: {error}"))?;
    Ok(Server {
        address,
        _shell: shell,
    })
}

/// Sends the address that the server writes into its log. The log is read to its end; otherwise the server would wait
/// for its reader.
fn addresses(log: ChildStderr) -> Receiver<String> {
    let (sender, addresses) = channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("Running on http://") {
                let _ = sender.send(address.trim().to_owned());
            }
        }
    });
    addresses
}

fn create_bucket(address: &str) -> Result<(), String> {
    let mut answer = String::new();
    let mut ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        write!(
            stream,
            "PUT /{BUCKET} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        stream.read_to_string(&mut answer)
    };
    ask().map_err(|error| error.to_string())?;
    match answer.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        _ => Err(answer),
    }
}

/// Returns the path of a Python that has moto, after installing it if needed. A file that is written last shows that
/// the installation is complete.
fn installed() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("s3-server");
    let python = folder.join("bin/python");
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|there| there == REQUIREMENTS) {
        return Ok(python);
    }
    let words: [&OsStr; 4] = ["-m", "venv", "--clear", "--"].map(OsStr::new);
    succeeds(Command::new("python3").args(words).arg(&folder))?;
    let requirements = folder.join("requirements.txt");
    write(&requirements)?;
    succeeds(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements),
    )?;
    write(&complete)?;
    Ok(python)
}

fn write(path: &Path) -> Result<(), String> {
    fs::write(path, REQUIREMENTS).map_err(|error| format!("{}: {error}", path.display()))
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed: {}", words.trim()))
}
