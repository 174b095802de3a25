//! What the tests of the program share: running it, and laws to run it with.

// Each test file uses a part of this.
#![allow(dead_code)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

/// A server on the loopback interface that hands each connection to `handle`, on a thread of its own: its URL, and how many
/// connections there were.
pub fn listen(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let (count, handle) = (connections.clone(), Arc::new(handle));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let handle = handle.clone();
            thread::spawn(move || handle(stream));
        }
    });
    (url, connections)
}

/// The program in a folder of its own, with nothing of the user's environment that it listens to.
pub fn eipcheck(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eipcheck"));
    command.args(args).current_dir(std::env::temp_dir()).stdin(Stdio::null());
    let credentials = ["AWS_", "ALIBABA_CLOUD_", "EIPCHECK_"];
    for (name, _) in std::env::vars_os().filter(|(n, _)| credentials.iter().any(|c| n.to_string_lossy().starts_with(c)))
    {
        command.env_remove(name);
    }
    command.env("HOME", "/nowhere");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// How the program ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Fails the test unless it ended in this way.
    #[track_caller]
    pub fn ends(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }
}

pub fn say(mut command: Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the program to its end.
pub fn ask(args: &[&str]) -> Said {
    say(eipcheck(args))
}

/// A run, and the folder with what it left.
pub struct Ran {
    pub said: Said,
    pub folder: TempDir,
}

impl Ran {
    pub fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder.path().join("report.json")).unwrap()).unwrap()
    }

    /// The trace, line by line.
    pub fn trace(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("trace.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The ids of the rules that were found broken.
    pub fn findings(&self) -> Vec<String> {
        let report = self.report();
        report["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub fn ends(self, code: i32) -> Ran {
        Ran { said: self.said.ends(code), folder: self.folder }
    }
}

/// `eipcheck run` with an output folder of its own.
pub fn run(args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let out = text(folder.path());
    let mut all = vec!["run", "--out", &out];
    all.extend(args);
    Ran { said: ask(&all), folder }
}

pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The small cloud that only the tests know.
pub fn lockers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/laws/lockers")
}

/// The law of EC2 as files.
pub fn ec2() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/ec2")
}

/// A copy of a law with texts replaced: the file, what stands there (everywhere that it does), what shall stand there.
#[track_caller]
pub fn changed(law: &Path, changes: &[(&str, &str, &str)]) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("operations")).unwrap();
    for folder in ["", "operations"] {
        for entry in fs::read_dir(law.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    for (file, from, to) in changes {
        let path = copy.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
    }
    copy
}

/// The part of a spec file that is about one rule: from its `[[rule]]` to the next table that is not its own.
#[track_caller]
pub fn rule_text(law: &Path, file: &str, id: &str) -> String {
    let text = fs::read_to_string(law.join(file)).unwrap();
    let mut parts = text.split_inclusive("[[rule]]");
    let mut before = parts.next().unwrap().len();
    for part in parts {
        let first = part.lines().find(|l| l.starts_with("id")).unwrap_or_default();
        if first.ends_with(&format!("\"{id}\"")) {
            let body = part.strip_suffix("[[rule]]").unwrap_or(part);
            let end = body.find("\n[[open]]").or_else(|| body.find("\n# ---")).map_or(body.len(), |i| i + 1);
            return text[before - "[[rule]]".len()..before + end].to_owned();
        }
        before += part.len();
    }
    panic!("{file} has no rule {id}");
}

/// A reference server, as a process of its own.
pub struct Served {
    pub url: String,
    child: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        // If it has ended already there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `eipcheck serve`, once it listens.
pub fn serve(args: &[&str]) -> Served {
    let mut all = vec!["serve"];
    all.extend(args);
    let mut child = eipcheck(&all).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}")).to_owned();
    Served { url, child }
}

/// The answer to a form, with its head.
pub fn post(url: &str, form: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n").unwrap();
    write!(stream, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}", form.len())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
