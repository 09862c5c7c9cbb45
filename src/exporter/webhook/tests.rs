//! The webhook against endpoints that are not friendly.

use std::io::{Read, Write};
use std::time::Duration;

use wiremock::matchers::{header_exists, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::config::{BundleExporter, SendingQueue};
use crate::exporter::tests::{Noon, sealed_at};
use crate::exporter::{BundleWriter, Store};
use crate::model::{Ledger, Outcome};

async fn receipt() -> Receipt {
    let case = sealed_at(&Arc::new(Ledger::default()), 1, &[1], 0);
    let config = BundleExporter::default();
    let writer = BundleWriter::new("bundle", Store::in_memory(), &config, None, "one", Arc::new(Noon));
    let receipt = writer.write(&case).await.unwrap();
    case.into_tracked().settle(Outcome::Bundled);
    receipt
}

fn config(url: &str) -> WebhookExporter {
    WebhookExporter {
        url: url.to_owned(),
        allow_private: true,
        signing_secret: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        retry_on_failure: RetryOnFailure {
            initial_interval: crate::config::Duration(Duration::from_millis(5)),
            max_elapsed_time: crate::config::Duration(Duration::from_millis(500)),
            ..RetryOnFailure::default()
        },
        timeout: crate::config::Duration(Duration::from_secs(2)),
        ..WebhookExporter::default()
    }
}

async fn tell(config: &WebhookExporter) {
    let webhook = Webhook::spawn("webhook", config, Arc::new(Noon)).unwrap();
    webhook.tell(&receipt().await);
    webhook.finish().await;
}

#[tokio::test]
async fn an_event_is_a_signed_cloud_event_and_is_retried_under_the_same_id() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(header_exists("webhook-signature")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    tell(&config(&server.uri())).await;

    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    let request = requests.last().unwrap();
    let header = |name: &str| request.headers[name].to_str().unwrap();
    let event: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert!(requests.iter().all(|one| one.headers["webhook-id"] == request.headers["webhook-id"]));
    assert_eq!(event["id"], header("webhook-id"));
    assert_eq!((event["specversion"].as_str(), event["type"].as_str()), (Some("1.0"), Some(EVENT_TYPE)));
    assert_eq!(event["data"]["incident_id"], "INC-7K2M9Q4T1X");
    assert_eq!(event["data"]["count_24h"], 1);
    let version = event["data"]["version"].as_str();
    assert!(version.is_some_and(|version| version.starts_with("2.4.")), "{event}");
    assert_eq!(event["data"]["regressed"], false);
    assert!(
        event["data"].get("new_in_version").is_none_or(serde_json::Value::is_null),
        "nothing to compare with: {event}"
    );
    let key = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let expected = signature(&key, header("webhook-id"), header("webhook-timestamp"), &request.body);
    assert_eq!(header("webhook-signature"), expected);
}

#[test]
fn the_signature_is_that_of_the_standards_own_example() {
    // https://github.com/standard-webhooks/standard-webhooks, libraries' shared test vector.
    let key = signing_key(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
    let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test]
async fn input_62_an_endless_answer_is_not_read() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = stream.read(&mut [0; 65536]).unwrap();
        assert!(read > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n").unwrap();
        let mut written = 0_u64;
        while written < 10_737_418_240 && stream.write_all(&[0; 65536]).is_ok() {
            written += 65536;
        }
        written
    });
    let started = tokio::time::Instant::now();
    tell(&config(&url)).await;
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(server.join().unwrap() < 64 * 1024 * 1024, "the connection is closed, not drained");
}

#[tokio::test]
async fn input_63_a_link_local_address_is_refused_as_text_and_after_resolution() {
    for url in [
        "http://169.254.169.254/latest",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://0xa9fea9fe/",
        "http://[fd00:ec2::254]/",
    ] {
        let problem = Webhook::spawn("webhook", &config(url), Arc::new(Noon)).unwrap_err();
        assert_eq!(problem.path, "url", "{url}");
    }
    let bad: SocketAddr = "169.254.169.254:0".parse().unwrap();
    let good: SocketAddr = "127.0.0.1:0".parse().unwrap();
    assert_eq!(allowed(vec![bad], true).err().map(|error| error.kind()), Some(ErrorKind::Permanent));
    assert_eq!(allowed(vec![bad, good], true).unwrap().collect::<Vec<_>>(), [good]);
    assert_eq!(allowed(vec![bad, good], false).err().map(|error| error.kind()), Some(ErrorKind::Permanent));
}

#[tokio::test]
async fn a_private_address_is_told_nothing_unless_it_may_be() {
    for url in [
        "http://127.0.0.1/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://172.31.255.1/",
        "http://100.64.0.1/",
        "http://[::1]/",
        "http://[fd12::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://2130706433/",
    ] {
        let strict = WebhookExporter { allow_private: false, ..config(url) };
        let problem = Webhook::spawn("webhook", &strict, Arc::new(Noon)).unwrap_err();
        assert_eq!(problem.path, "url", "{url}");
        assert!(Webhook::spawn("webhook", &config(url), Arc::new(Noon)).is_ok(), "{url}");
    }
    let public: SocketAddr = "93.184.215.14:0".parse().unwrap();
    let own: SocketAddr = "127.0.0.1:0".parse().unwrap();
    assert_eq!(allowed(vec![own, public], false).unwrap().collect::<Vec<_>>(), [public]);

    // A name is judged by where it leads.
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let url = format!("http://localhost:{}/", server.address().port());
    tell(&WebhookExporter { allow_private: false, ..config(&url) }).await;
    assert!(server.received_requests().await.unwrap().is_empty());
    tell(&config(&url)).await;
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_refused() {
    let of = |url: &str| WebhookExporter {
        allowed_hosts: vec!["hooks.example".to_owned(), "*.agents.example".to_owned()],
        ..config(url)
    };
    for url in ["https://hooks.example/a", "https://HOOKS.example/a", "https://eu.agents.example/"] {
        assert!(Webhook::spawn("webhook", &of(url), Arc::new(Noon)).is_ok(), "{url}");
    }
    for url in ["https://agents.example/", "https://evilagents.example/", "https://hooks.example.org/", "https://x/"] {
        let problem = Webhook::spawn("webhook", &of(url), Arc::new(Noon)).unwrap_err();
        assert_eq!(problem.path, "url", "{url}");
    }
}

#[tokio::test]
async fn input_64_a_redirect_is_not_followed() {
    let (target, server) = (MockServer::start().await, MockServer::start().await);
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(307).insert_header("location", target.uri().as_str()))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&target).await;
    tell(&config(&server.uri())).await;
}

#[tokio::test]
async fn a_full_queue_drops_events_and_holds_nobody_up() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(204).set_delay(Duration::from_millis(300)))
        .mount(&server)
        .await;
    let config =
        WebhookExporter { sending_queue: SendingQueue { queue_size: 1, num_consumers: 1 }, ..config(&server.uri()) };
    let webhook = Webhook::spawn("webhook", &config, Arc::new(Noon)).unwrap();
    let receipt = receipt().await;
    for _ in 0..50 {
        webhook.tell(&receipt);
    }
    webhook.finish().await;
    let arrived = server.received_requests().await.unwrap().len();
    assert!((1..=3).contains(&arrived), "{arrived}");
}

#[tokio::test]
async fn a_secret_that_is_empty_or_not_base64_is_refused() {
    for secret in ["", "whsec_???"] {
        let config = WebhookExporter { signing_secret: Secret::new(secret), ..config("https://example.test/") };
        let problem = Webhook::spawn("webhook", &config, Arc::new(Noon)).unwrap_err();
        assert_eq!(problem.path, "signing_secret");
        assert!(!problem.message.contains("???"));
    }
}
