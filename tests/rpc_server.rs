//! The reference server of a cloud that speaks the RPC protocol, and runs against it, with the small law of parcels.

mod common;

use std::{path::PathBuf, sync::Arc};

use common::{Ran, changed, eipcheck, run, say, serve, text};
use eipcheck::{
    reference::server::{Reference, Running, start},
    spec::{Law, SpecSource, file::Protocol, law::ProductIx, load},
    target::clock::Clock,
    wire::{
        form,
        sign::{Credentials, Manner, Method, Sending, Signer, Stamp},
    },
};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use url::Url;

fn parcels() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/laws/parcels")
}

fn law() -> Arc<Law> {
    Arc::new(load(&SpecSource::Folder(parcels()), "parcels", &[]).unwrap())
}

fn run_parcels(args: &[&str]) -> Ran {
    let specs = text(&parcels());
    let mut all = vec!["--specs", &specs, "--cloud", "parcels", "--jobs", "2", "--seed", "1", "--max-requests", "300"];
    all.extend(args);
    run(&all)
}

/// Every rule of the report with its outcome.
fn not_passed(report: &Value) -> Vec<String> {
    let rules = report["rules"].as_array().unwrap();
    assert!(rules.len() > 50);
    let passed = |rule: &&Value| rule["result"] == "pass";
    rules.iter().filter(|r| !passed(r)).map(|r| r["id"].to_string()).collect()
}

#[test]
fn the_reference_keeps_every_rule_however_requests_are_signed_and_sent() {
    for signature in ["rpc-v1", "acs3"] {
        for send in ["get", "form", "split"] {
            let ran = run_parcels(&["--signature", signature, "--send", send]).ends(0);
            assert_eq!(not_passed(&ran.report()), [""; 0], "{signature} {send}");
            // With some ways of signing, a request without arguments has nothing that could stand in the query.
            let has_arguments = |line: &&Value| line["call"]["args"].as_array().is_some_and(|args| !args.is_empty());
            let trace = ran.trace();
            let exchange = &trace.iter().rfind(has_arguments).unwrap()["exchange"];
            assert_eq!(exchange["method"], if send == "get" { "GET" } else { "POST" });
            assert_eq!(exchange.get("query").is_some(), send != "form" || signature == "never");
        }
    }
}

#[test]
fn a_server_that_verifies_signatures_takes_those_of_a_run_and_no_others() {
    let specs = text(&parcels());
    let base = ["--specs", &specs, "--cloud", "parcels"];
    let key = ["--verify-signatures", "--access-key", "the-key", "--secret-key", "the-s3cret"];
    let server = serve(&[&base[..], &key].concat());
    let folder = tempfile::tempdir().unwrap();
    let out = text(folder.path());
    let run_with = |secret: &str, signature: &str, send: &str| {
        let more = ["--out", &out, "--max-requests", "200", "--signature", signature, "--send", send, &server.url];
        let mut command = eipcheck(&[&["run"], &base[..], &more].concat());
        command.env("PARCELS_KEY_ID", "the-key").env("PARCELS_KEY_SECRET", secret).env("PARCELS_TOKEN", "the-t0ken");
        say(command)
    };
    for (signature, send) in [("rpc-v1", "get"), ("rpc-v1", "split"), ("acs3", "form"), ("acs3", "split")] {
        run_with("the-s3cret", signature, send).ends(0);
        let trace = std::fs::read_to_string(folder.path().join("trace.jsonl")).unwrap();
        assert!(trace.contains("[redacted]"));
        for secret in ["the-s3cret", "the-t0ken"] {
            assert!(!trace.contains(secret), "{signature} {send}: the trace shows {secret}");
        }
        let said = run_with("another", signature, send).ends(3);
        assert!(said.err.contains("SignatureDoesNotMatch"), "{}", said.err);
    }
}

#[test]
fn each_product_may_have_a_url_of_its_own() {
    let specs = text(&parcels());
    let server = serve(&["--specs", &specs, "--cloud", "parcels"]);
    // Nobody listens at the other one: whatever is not sent to an endpoint is lost.
    let nowhere = "http://127.0.0.1:1";
    let (boxes, things) = (format!("boxes={}", server.url), format!("parcels={}", server.url));
    run_parcels(&[nowhere, "--endpoint", &boxes, "--endpoint", &things]).ends(0);
    run_parcels(&[&server.url]).ends(0);
    run_parcels(&[nowhere, "--endpoint", &things]).ends(3);
}

#[test]
fn options_that_do_not_fit_the_cloud_are_usage_errors() {
    let url = "http://127.0.0.1:1";
    for (args, said) in [
        (&["--signature", "sigv4"][..], "rpc-v1 or acs3"),
        (&[url, "--endpoint", "lids=http://127.0.0.1:2"], "boxes, parcels"),
        (&[url, "--endpoint", "boxes"], "PRODUCT=http://HOST:PORT"),
        (&[url, "--endpoint", "boxes=http://a", "--endpoint", "boxes=http://b"], "twice"),
        (&["--endpoint", "boxes=http://127.0.0.1:2"], "URL"),
        (&["--send", "post"], "form"),
    ] {
        let ran = run_parcels(args).ends(2);
        assert!(ran.said.err.contains(said), "{args:?}: {}", ran.said.err);
    }
    for args in [["--signature", "acs3"], ["--send", "get"]] {
        let ran = run(&args).ends(2);
        assert!(ran.said.err.contains("this cloud's requests are"), "{}", ran.said.err);
    }
    let said = say(eipcheck(&["serve", "--verify-signatures"])).ends(2);
    assert!(said.err.contains("signatures can be verified"), "{}", said.err);
}

#[test]
fn a_server_that_departs_from_the_law_of_the_wire_is_found_out() {
    for (file, from, to, finding) in [
        (
            "operations/return_box.toml",
            "BoxNotEmpty           = [400, 409]",
            "BoxNotEmpty = 403",
            "ReturnBox.status.BoxNotEmpty",
        ),
        (
            "operations/put_parcel.toml",
            "\"InvalidBox.NotFound\" = 400",
            "\"InvalidBox.NotFound\" = 404",
            "PutParcel.status.InvalidBox.NotFound",
        ),
        ("cloud.toml", "MissingParameter              = 400", "MissingParameter = 403", "wire-status"),
        ("resources.toml", "Size    = { type = \"integer\"", "Size = { type = \"string\"", "wire-types"),
        ("resources.toml", "wire = \"Parcels/Parcel\"", "wire = \"Parcels\"", "wire-types"),
        ("resources.toml", "wire = \"Parcels/Parcel\"", "wire = \"Packets/Parcel\"", "wire-lists"),
    ] {
        let wrong = changed(&parcels(), &[(file, from, to)]);
        let server = serve(&["--specs", &text(wrong.path()), "--cloud", "parcels"]);
        // Enough of the suite to see it, and no random sequences. What is found is not made short: while that is done for two
        // findings at a time, each sees what the other makes.
        let only = [
            "--shrink",
            "0",
            "--only",
            finding,
            "--only",
            "ListBoxes.*",
            "--only",
            "box.*",
            "--only",
            "*.required",
            "--only",
            "return-full",
        ];
        let ran = run_parcels(&[&[&*server.url, "--fail-on", "assumed"], &only[..]].concat()).ends(1);
        assert!(ran.findings().contains(&finding.to_owned()), "{to}: {:?}", ran.findings());
    }
}

// --- One request at a time ---------------------------------------------------------------------------------------------

async fn reference() -> (Running, Url) {
    let server = start(Reference::new(law(), 1, Clock::driven()), 0).await.unwrap();
    let url = Url::parse(&format!("http://{}/", server.address)).unwrap();
    (server, url)
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// The status, the media type and the body of an answer.
async fn came(request: RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), media, response.text().await.unwrap())
}

async fn json(request: RequestBuilder) -> (u16, Value) {
    let (status, media, body) = came(request).await;
    assert_eq!(media, "application/json;charset=utf-8");
    (status, serde_json::from_str(&body).unwrap())
}

/// The status and the code of an error.
async fn refused(request: RequestBuilder) -> (u16, String) {
    let (status, body) = json(request).await;
    for member in ["RequestId", "HostId", "Code", "Message", "Recommend"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
    }
    (status, body["Code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn answers_are_json_or_xml_as_the_request_asks() {
    let (_server, url) = reference().await;
    let get = |query: &str| client().get(format!("{url}?{query}"));
    let (status, made) = json(get("Action=RentBox&Version=2020-02-02&Size=7&SenderId=1&RegionId=x")).await;
    assert_eq!((status, &made["Size"]), (200, &Value::from(7)));
    let id = made["BoxId"].as_str().unwrap();
    let (_, boxes) = json(get("Action=ListBoxes&Version=2020-02-02&Format=json")).await;
    let expected = serde_json::json!({"Box": [{"BoxId": id, "Size": 7, "Large": true, "Parcels": {"Parcel": []}}]});
    assert_eq!(boxes["Boxes"], expected);
    let (status, media, body) = came(get("Action=ListBoxes&Version=2020-02-02&Format=XML")).await;
    assert_eq!((status, &*media), (200, "text/xml;charset=utf-8"));
    assert!(body.contains(&format!("<Boxes><Box><BoxId>{id}</BoxId>")), "{body}");
    assert!(body.contains("<ListBoxesResponse><RequestId>"), "{body}");
    let (status, media, body) = came(get("Action=ReturnBox&Version=2020-02-02&Format=XML")).await;
    assert_eq!((status, &*media), (400, "text/xml;charset=utf-8"));
    assert!(body.contains("<Error><RequestId>") && body.contains("<Code>MissingParameter</Code>"), "{body}");
}

#[tokio::test]
async fn a_code_has_the_status_of_its_operation() {
    let (_server, url) = reference().await;
    let get = |query: &str| client().get(format!("{url}?{query}"));
    let no_box = "BoxId=box-00000000";
    let not_found = |status: u16| (status, "InvalidBox.NotFound".to_owned());
    assert_eq!(refused(get(&format!("Action=ReturnBox&Version=2020-02-02&{no_box}"))).await, not_found(404));
    assert_eq!(refused(get(&format!("Action=PutParcel&Version=2021-03-03&{no_box}"))).await, not_found(400));
    assert_eq!(refused(get("Action=Lose&Version=2020-02-02")).await, (404, "InvalidAction.NotFound".into()));
    let wrong_version = (400, "InvalidVersion".to_owned());
    assert_eq!(refused(get("Action=RentBox&Version=2021-03-03")).await, wrong_version);
    assert_eq!(refused(get("Action=RentBox")).await, wrong_version);
    assert_eq!(refused(get("Version=2020-02-02")).await, (404, "InvalidAction.NotFound".into()));
}

#[tokio::test]
async fn real_clients_ways_of_writing_are_understood() {
    let (_server, url) = reference().await;
    let (_, made) =
        json(client().post(url.clone()).header("x-acs-action", "RentBox").header("x-acs-version", "2020-02-02")).await;
    let id = made["BoxId"].as_str().unwrap();
    let put = client()
        .post(format!("{url}?Action=PutParcel&Version=2021-03-03&SignatureType=&BoxId={id}"))
        .header("x-acs-action", "PutParcel")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("Fragile=True&OwnAccount=a+b");
    let (status, put) = json(put).await;
    assert_eq!(status, 200, "{put}");
    assert_eq!(put["Parcel"]["Place"], serde_json::json!({"BoxId": id, "Fragile": true}));
    let (_, listed) = json(client().get(format!("{url}?Action=ListBoxes&Version=2020-02-02&BoxId={id}%2C{id}"))).await;
    assert_eq!(listed["Boxes"]["Box"].as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn a_wrong_signature_gets_the_documented_code() {
    let law = law();
    let credentials = Credentials { access_key: "the-key".into(), secret_key: "s3cret".into(), session_token: None };
    let verifying = Reference::new(law.clone(), 1, Clock::driven()).verifying(credentials.clone()).unwrap();
    let server = start(verifying, 0).await.unwrap();
    let url = Url::parse(&format!("http://{}/", server.address)).unwrap();
    let other = |access_key: &str, secret_key: &str| Credentials {
        access_key: access_key.into(),
        secret_key: secret_key.into(),
        session_token: None,
    };
    let minutes = std::time::Duration::from_secs(60);
    for method in [Method::RpcV1, Method::Acs3] {
        for sending in [Sending::Get, Sending::Form, Sending::Split] {
            let manner = Manner::choose(Protocol::Rpc, Some(method), Some(sending)).unwrap();
            let signed = |credentials: Credentials, stamp: &Stamp| {
                let mut parameters = String::new();
                for (name, value) in
                    [("Action", "ListBoxes"), ("Version", "2020-02-02"), ("SenderId", "a *+é"), ("RegionId", "x")]
                {
                    form::push_pair(&mut parameters, name, value);
                }
                let signer = Signer::new(credentials, "here-1", manner);
                let made = signer.request(&law, ProductIx(0), &url, parameters, stamp).unwrap();
                let mut target = url.clone();
                target.set_query(Some(&made.query).filter(|q| !q.is_empty()).map(|q| &**q));
                let request = if made.method == "GET" { client().get(target) } else { client().post(target) };
                made.headers.iter().fold(request, |r, (n, v)| r.header(n, v)).body(made.body)
            };
            let stamp = Stamp::now();
            assert_eq!(json(signed(credentials.clone(), &stamp)).await.0, 200, "{manner:?}");
            let code = |status: u16, code: &str| (status, code.to_owned());
            assert_eq!(refused(signed(credentials.clone(), &stamp)).await, code(400, "SignatureNonceUsed"));
            let now = Stamp::now();
            assert_eq!(
                refused(signed(other("no-key", "s3cret"), &now)).await,
                code(404, "InvalidAccessKeyId.NotFound")
            );
            assert_eq!(refused(signed(other("the-key", "other"), &now)).await, code(400, "SignatureDoesNotMatch"));
            for time in [now.time - 16 * minutes, now.time + 16 * minutes] {
                let stamp = Stamp { time, ..now.clone() };
                assert_eq!(refused(signed(credentials.clone(), &stamp)).await, code(400, "InvalidTimeStamp.Expired"));
            }
        }
    }
    let unsigned = client().get(format!("{url}?Action=ListBoxes&Version=2020-02-02"));
    assert_eq!(refused(unsigned).await, (400, "IncompleteSignature".into()));
}
