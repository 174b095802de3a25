//! What a run never does without being asked to, and what it leaves when it is killed.

mod common;
#[path = "time/proxy.rs"]
mod proxy;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use common::{Ran, ask, changed, eipcheck, lockers, post, run, say, serve, text};
use eipcheck::report::{journal, trace};
use proxy::{Fate, Passing, Proxy};
use tempfile::TempDir;

// --- Hosts -------------------------------------------------------------------------------------------------------------

/// A host that nobody has: no request could reach it, and none is sent here.
const NOBODYS: &str = "203.0.113.7";

/// What is printed without the frame around it and the breaks in it.
fn words(printed: &str) -> String {
    printed.replace('│', " ").replace("-\n", "-").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_host_that_is_not_ones_own_needs_permission() {
    for url in ["http://203.0.113.7", "http://mock.example:5000", "https://[2001:db8::7]"] {
        let said = run(&[url, "--allow-host", "other.example"]).said.ends(2);
        let host = url.rsplit("//").next().unwrap().trim_end_matches(":5000");
        assert!(words(&said.err).contains("nobody has permitted requests to it"), "{}", said.err);
        assert!(said.err.replace([' ', '\n', '│'], "").contains(&format!("--allow-host{host}")), "{}", said.err);
    }
    // With permission it is the credentials that are missing.
    let said = run(&[&format!("http://{NOBODYS}"), "--allow-host", NOBODYS]).said.ends(2);
    assert!(words(&said.err).contains("AWS_SECRET_ACCESS_KEY are not set"), "{}", said.err);
}

#[test]
fn every_url_of_a_command_line_is_judged() {
    let own = "http://127.0.0.1:9";
    let vpc = format!("vpc=http://{NOBODYS}");
    let said = run(&[own, "--cloud", "alibaba", "--endpoint", &vpc]).said.ends(2);
    assert!(words(&said.err).contains("nobody has permitted"), "{}", said.err);
    let steps = run_that_finds();
    let scenario = text(&steps.1);
    let said = ask(&["replay", &scenario, &format!("http://{NOBODYS}"), "--specs", &text(&lockers())]).ends(2);
    assert!(words(&said.err).contains("nobody has permitted"), "{}", said.err);
}

/// A run that found something, and the folder of the finding.
fn run_that_finds() -> (Ran, std::path::PathBuf) {
    let wrong = changed(&lockers(), &[("operations/close_locker.toml", "LockerTooHeavy", "LockerTooBig")]);
    let server = serve(&["--specs", &text(wrong.path())]);
    let ran = run(&[&server.url, "--specs", &text(&lockers()), "--max-requests", "200", "--clients", "1"]).ends(1);
    let folder = fs::read_dir(ran.folder.path().join("findings")).unwrap().next().unwrap().unwrap().path();
    (ran, folder)
}

#[test]
fn a_cloud_that_sends_bills_needs_both_permissions_by_whatever_law() {
    let specs = text(&lockers());
    let law: [&[&str]; 3] = [&["--cloud", "ec2"], &["--cloud", "alibaba"], &["--specs", &specs]];
    for law in law {
        for host in ["ec2.us-east-1.amazonaws.com", "vpc.aliyuncs.com", "a.vpce.EC2.us-east-1.vpce.amazonaws.com."] {
            let url = format!("https://{host}");
            let run = |more: &[&str]| run(&[&[url.as_str()], law, more].concat()).said;
            assert!(words(&run(&["--allow-billable"]).ends(2).err).contains("nobody has permitted"));
            let said = run(&["--allow-host", host]).ends(2);
            assert!(words(&said.err).contains("costs money"), "{}", said.err);
            assert!(words(&said.err).contains("--allow-billable"), "{}", said.err);
        }
    }
    // Another cloud's law may name hosts of its own.
    let law =
        changed(&lockers(), &[("cloud.toml", "region    =", "billable-hosts = [\"*.lockers.example\"]\nregion    =")]);
    let host = "a.lockers.example";
    let said = run(&["http://a.lockers.example", "--specs", &text(law.path()), "--allow-host", host]).said.ends(2);
    assert!(words(&said.err).contains("costs money"), "{}", said.err);
}

#[test]
fn what_is_permitted_is_a_host_and_nothing_more() {
    for host in ["*", "http://a.example", "a.example:80"] {
        ask(&["run", "http://127.0.0.1:9", "--allow-host", host]).ends(2);
    }
}

// --- What is made ------------------------------------------------------------------------------------------------------

#[test]
fn what_would_be_made_is_told_without_a_single_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let said = run(&[&url, "--cloud", "ec2", "--dry-run", "--only", "nat-*"]).said.ends(0);
    for operation in ["(CreateVpc)", "(CreateNatGateway)", "(AllocateAddress)", "nothing was sent"] {
        assert!(said.out.contains(operation), "{}", said.out);
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert!(!said.out.contains("are held at a time"), "{}", said.out);
    // Where it costs money less is held at a time.
    let said = run(&[&url, "--specs", &text(&lockers()), "--dry-run", "--allow-billable"]).said.ends(0);
    assert!(said.out.contains("no more than 20 are held at a time"), "{}", said.out);
    // It may be asked of a server that no request may go to, and by programs.
    let url = format!("http://{NOBODYS}");
    let said = run(&[&url, "--specs", &text(&lockers()), "--dry-run", "--json"]).said.ends(0);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let makes = &told[0]["forecast"]["makes"][0];
    assert_eq!(makes["operation"], "OpenLocker");
    assert!(makes["times"].as_u64().unwrap() > 3, "{told}");
}

/// A proxy before a server of lockers, and the most that were open at a time.
fn counting_lockers() -> (common::Served, Proxy, Arc<AtomicUsize>) {
    let server = serve(&["--specs", &text(&lockers())]);
    let most = Arc::new(AtomicUsize::new(0));
    let (seen, mut open) = (most.clone(), 0);
    let proxy = Proxy::new(&server.url, move |passing, ask| {
        let answer = ask();
        let accepted = answer.starts_with("HTTP/1.1 200");
        open += usize::from(accepted && passing.asks_for("OpenLocker"));
        open -= usize::from(accepted && passing.asks_for("CloseLocker"));
        seen.fetch_max(open, Ordering::SeqCst);
        Fate::Answer(answer)
    });
    (server, proxy, most)
}

#[test]
fn no_more_resources_are_held_at_a_time_than_a_run_may_hold() {
    let specs = text(&lockers());
    let held = |limit: &[&str]| {
        let (_server, proxy, most) = counting_lockers();
        let args = [&[proxy.url.as_str(), "--specs", &specs, "--max-requests", "400"], limit].concat();
        let ran = run(&args).ends(0);
        assert!(ran.findings().is_empty());
        assert!(ran.report()["rules"].as_array().unwrap().iter().all(|rule| rule["result"] == "pass"), "{limit:?}");
        most.load(Ordering::SeqCst)
    };
    assert!(held(&[]) > 3);
    for limit in [1, 3] {
        assert!((1..=limit).contains(&held(&["--max-resources", &limit.to_string()])), "{limit}");
    }
}

#[test]
fn what_needs_more_resources_than_there_may_be_is_not_judged() {
    let server = serve(&["--cloud", "ec2"]);
    let args =
        [&server.url, "--cloud", "ec2", "--only", "nat-create-*", "--max-resources", "2", "--max-requests", "300"];
    let ran = run(&args);
    assert!(ran.findings().is_empty(), "{:?}", ran.findings());
    let report = ran.report();
    let reasons = report["indeterminate"].as_object().unwrap();
    assert!(reasons.keys().any(|why| why.contains("--max-resources")), "{reasons:?}");
    run(&["--max-resources", "0"]).ends(2);
}

#[test]
fn what_is_made_is_marked_where_the_api_has_marks() {
    for (cloud, only, mark) in
        [("ec2", "release-*", "TagSpecification.1.Tag.1.Key=eipcheck"), ("alibaba", "allocate*", "Tag.1.Key=eipcheck")]
    {
        let ran = run(&["--cloud", cloud, "--only", only, "--max-requests", "60"]);
        let nonce = ran.report()["nonce"].as_str().unwrap().to_owned();
        let trace = ran.trace();
        let bodies = trace.iter().map(|line| line["exchange"]["body"].as_str().unwrap());
        let made: Vec<&str> =
            bodies.filter(|body| body.contains("Action=Allocate") || body.contains("Action=CreateVpc")).collect();
        assert!(made.len() > 1, "{cloud}");
        assert!(made.iter().all(|body| body.contains(mark) && body.contains(&format!("Value={nonce}"))), "{made:?}");
        // What only looks, and what deletes, is as it was.
        assert!(!trace.iter().any(|line| line["exchange"]["body"].as_str().unwrap().contains("Action=Release")
            && line["exchange"]["body"].as_str().unwrap().contains("Key=eipcheck")));
    }
}

// --- Credentials -------------------------------------------------------------------------------------------------------

/// A server that refuses everything and sends back what it was sent, each time for whoever looks.
fn echo(seen: Arc<Mutex<String>>, garbage: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap_or_default();
            let request = format!("{head}{}", String::from_utf8_lossy(&body));
            seen.lock().unwrap().push_str(&request);
            let shown = request.replace('&', "&amp;").replace('<', "&lt;").replace(['\r', '\n'], " ").replace('"', "'");
            let xml = format!(
                "<Response><Errors><Error><Code>Echo</Code><Message>{shown}</Message></Error></Errors><RequestID>r</RequestID></Response>"
            );
            let json = format!("{{\"Code\": \"Echo\", \"Message\": \"{shown}\", \"RequestId\": \"r\"}}");
            let body = if head.contains("AWS4") { xml } else { json };
            let answer = format!(
                "HTTP/1.1 400 Bad\r\nX-Echo: {shown}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = if garbage && request.contains("Describe") { "nonsense\r\n\r\n".to_owned() } else { answer };
            // A client that has heard enough hangs up.
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    url
}

/// Every file below a folder, as text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((text(&path), String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()));
        }
    }
    found
}

/// Fails if a credential or a signature stands in a text.
fn is_clean(name: &str, shown: &str) {
    let at = |word: &str| shown.find(word).map(|at| shown[at..].chars().take(80).collect::<String>());
    assert_eq!(at("NOTTOBESEEN"), None, "in {name}");
    for (place, _) in shown.match_indices("ignature=") {
        let value = &shown[place + "ignature=".len()..];
        let hidden = ["[redacted]", "%5Bredacted"].iter().any(|hidden| value.starts_with(hidden));
        assert!(hidden, "in {name}: {}", &shown[place..(place + 60).min(shown.len())]);
    }
}

#[test]
fn no_credential_and_no_signature_is_written_or_printed_even_where_the_target_sends_them_back() {
    let marked = [
        ("AWS_ACCESS_KEY_ID", "AKIDNOTTOBESEEN"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret/NOTTOBESEEN+a"),
        ("AWS_SESSION_TOKEN", "t0ken/NOTTOBESEEN=="),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAINOTTOBESEEN"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s3cretNOTTOBESEENb"),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "t0ken/NOTTOBESEEN+="),
    ];
    let manners: [&[&str]; 5] = [
        &["--cloud", "ec2"],
        &["--cloud", "alibaba"],
        &["--cloud", "alibaba", "--send", "get"],
        &["--cloud", "alibaba", "--send", "split"],
        &["--cloud", "alibaba", "--signature", "acs3"],
    ];
    // What the HTTP client complains about names the URL, which holds a signature where requests are sent with GET.
    for (manner, garbage) in manners.into_iter().map(|manner| (manner, false)).chain([(manners[2], true)]) {
        let (folder, seen) = (tempfile::tempdir().unwrap(), Arc::default());
        let (url, out) = (echo(Arc::clone(&seen), garbage), text(folder.path()));
        let mut command = eipcheck(&["run", &url, "--out", &out, "--only", "release*", "--max-requests", "60"]);
        command.args(manner).args(["--max-time", "2s", "--shrink", "0"]);
        command.envs(marked).env("EIPCHECK_LOG", "eipcheck=debug,trace");
        let said = say(command);
        assert!(matches!(said.code, Some(0 | 1 | 3 | 4)), "{:?}", said.code);
        assert!(seen.lock().unwrap().contains("NOTTOBESEEN"), "{manner:?}: the target got none");
        is_clean("stdout", &said.out);
        is_clean("stderr", &said.err);
        let files = files(folder.path());
        assert!(files.len() > 1, "{files:?}");
        files.iter().for_each(|(name, shown)| is_clean(name, shown));
    }
}

#[test]
fn credentials_come_from_the_profile_that_the_environment_names() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aliyun")).unwrap();
    let profiles = r#"{"profiles": [{"name": "mine", "access_key_id": "LTAIOFMINE", "access_key_secret": "secret"}]}"#;
    fs::write(home.path().join(".aliyun/config.json"), profiles).unwrap();
    let file = home.path().join("credentials");
    fs::write(&file, "[mine]\naws_access_key_id = AKIDOFMINE\naws_secret_access_key = secret\n").unwrap();
    let sent = |cloud: &str, envs: &[(&str, &str)]| {
        let (folder, seen) = (tempfile::tempdir().unwrap(), Arc::default());
        let (url, out) = (echo(Arc::clone(&seen), false), text(folder.path()));
        let mut command = eipcheck(&["run", &url, "--cloud", cloud, "--out", &out]);
        command.args(["--only", "release*", "--max-requests", "5"]).env("HOME", home.path()).envs(envs.iter().copied());
        let said = say(command);
        let seen = seen.lock().unwrap().clone();
        (said, seen)
    };
    let file = text(&file);
    let aws = [("AWS_SHARED_CREDENTIALS_FILE", file.as_str()), ("AWS_PROFILE", "mine")];
    assert!(sent("ec2", &aws).1.contains("AKIDOFMINE"));
    assert!(sent("alibaba", &[("ALIBABA_CLOUD_PROFILE", "mine")]).1.contains("LTAIOFMINE"));
    // A server on this machine gets nobody's keys unless somebody says so.
    assert!(!sent("alibaba", &[]).1.contains("LTAIOFMINE"));
    let (said, seen) = sent("ec2", &[aws[0], ("AWS_PROFILE", "other")]);
    assert_eq!((said.code, seen.as_str()), (Some(2), ""));
    assert!(words(&said.err).contains("no profile \"other\""), "{}", said.err);
}

// --- The journal -------------------------------------------------------------------------------------------------------

/// A run that is killed the moment a request for this operation was done; what it left, and the server.
struct Killed {
    server: common::Served,
    folder: TempDir,
}

fn kill(child: &mut Child) {
    // SIGKILL: nothing of the program runs any more.
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs until a request for this operation was done, but no rehearsal of it. `answered`: the run gets the answer, and is
/// killed when it next looks at something. Otherwise it is killed while it waits for the answer.
fn killed_after(operation: &'static str, answered: bool) -> Killed {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    let (tell, told) = mpsc::channel();
    let mut done = false;
    let proxy = Proxy::new(&server.url, move |passing: &Passing, ask| {
        let is_it = passing.asks_for(operation) && !passing.body.contains("DryRun");
        let held = done && passing.reads();
        let answer = if held { None } else { Some(ask()) };
        let accepted = answer.as_ref().is_some_and(|answer| answer.starts_with("HTTP/1.1 200"));
        if held || is_it && accepted && !answered {
            // If nobody listens any more, the run is dead already.
            let _ = tell.send(());
            loop {
                thread::park();
            }
        }
        done |= is_it && accepted;
        Fate::Answer(answer.unwrap())
    });
    let folder = tempfile::tempdir().unwrap();
    let mut child = eipcheck(&["run", &proxy.url, "--cloud", "ec2", "--out", &text(folder.path()), "--seed", "1"])
        .args(["--jobs", "1", "--clients", "1", "--only", "nat-associate-*"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let reached = told.recv();
    kill(&mut child);
    reached.unwrap();
    Killed { server, folder }
}

/// How many networks the server holds: nothing else is without one, but addresses, which are counted as well.
fn held(url: &str) -> usize {
    let ask = |operation: &str| post(url, &format!("Action={operation}&Version=2016-11-15"));
    ask("DescribeVpcs").matches("<vpcId>").count() + ask("DescribeAddresses").matches("<allocationId>").count()
}

#[test]
fn what_a_killed_run_left_behind_is_deleted_by_its_journal() {
    for (operation, answered) in
        [("CreateVpc", true), ("CreateSubnet", false), ("CreateNatGateway", true), ("AssociateNatGatewayAddress", true)]
    {
        let Killed { server, folder } = killed_after(operation, answered);
        assert!(held(&server.url) > 0, "{operation}: nothing was left");
        let lines = trace::read(&folder.path().join("trace.jsonl")).unwrap();
        assert!(lines.len() > 10);
        let left = journal::read(&folder.path().join("journal.jsonl")).unwrap();
        assert!(left.len() == 1 && left[0].is_something());

        let dir = text(folder.path());
        // The proxy is dead as far as the journal's own URL is concerned.
        let said = ask(&["clean", &dir, &server.url, "--clock", "driven"]).ends(0);
        assert!(said.out.contains("gone: vpc vpc-") && said.out.contains(" 0 left behind"), "{}", said.out);
        assert_eq!(held(&server.url), 0, "{operation}, {answered}: {}", said.out);

        // Once more, and there is nothing to do: not even the server is needed.
        drop(server);
        let said = ask(&["clean", &dir]).ends(0);
        assert_eq!(said.out.trim(), "nothing is left behind");
    }
}

#[test]
fn what_nobody_can_tell_from_the_belongings_of_others_is_told_and_left_alone() {
    let Killed { server, folder } = killed_after("AllocateAddress", false);
    post(&server.url, "Action=AllocateAddress&Version=2016-11-15");
    let dir = text(folder.path());
    for _ in 0..2 {
        let said = ask(&["clean", &dir, &server.url, "--clock", "driven"]).ends(1);
        assert!(said.out.contains("left behind: address (unknown): perhaps: AllocateAddress"), "{}", said.out);
        assert_eq!(held(&server.url), 2, "the one of the run, and the one of somebody else");
    }
}

#[test]
fn what_another_run_left_is_not_forgotten_by_the_next_one_in_its_folder() {
    let Killed { server, folder } = killed_after("CreateVpc", true);
    let dir = text(folder.path());
    ask(&["run", &server.url, "--cloud", "ec2", "--out", &dir, "--only", "release-*", "--max-requests", "100"]).ends(0);
    assert_eq!(held(&server.url), 1);
    ask(&["clean", &dir, &server.url]).ends(0);
    assert_eq!(held(&server.url), 0);
}

#[test]
fn cleaning_up_needs_a_journal_that_fits_and_a_server_that_answers() {
    let folder = tempfile::tempdir().unwrap();
    ask(&["clean", &text(folder.path())]).ends(2);
    let file = folder.path().join("journal.jsonl");
    fs::write(&file, "{\"format\":9,\"event\":\"settled\",\"number\":1}\n").unwrap();
    assert!(ask(&["clean", &text(folder.path())]).ends(2).err.contains("format"));
    let Killed { server, folder } = killed_after("CreateVpc", true);
    let (dir, url) = (text(folder.path()), server.url.clone());
    assert!(words(&ask(&["clean", &dir, &format!("http://{NOBODYS}")]).ends(2).err).contains("nobody has permitted"));
    assert!(ask(&["clean", &dir, &url, "--cloud", "alibaba"]).ends(2).err.contains("about the cloud ec2"));
    drop(server);
    ask(&["clean", &dir, &url]).ends(3);
}
