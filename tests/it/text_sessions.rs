//! Texts between clients and a server: what is reported, cursors, uploads, lost connections.

use std::sync::Arc;

use livetree::change::UpdateDetail;
use livetree::client::Status;
use livetree::server::{Reply, ServerOptions, SessionOptions};
use livetree::testing::world::script::{Family, Rules};
use livetree::testing::world::soak::Report;
use livetree::text::{Bias, TextOp};
use livetree::{
    Actor, Changes, Client, ClientMessage, Document, FileMeta, Json, Lson, NodeId, Server,
    ServerMessage, lson,
};

fn server() -> Server {
    let document = lson!({ "t": (Lson::text("Hello world")) });
    Server::new(Document::from_lson(&document).unwrap(), ServerOptions::default())
}

fn join(server: &mut Server) -> (Actor, Client) {
    let actor = server.connect(SessionOptions::default()).unwrap();
    let mut client = Client::new();
    client.connected(actor);
    exchange(server, actor, &mut client);
    (actor, client)
}

/// Sends what there is to send and takes the answers; what others hear.
fn exchange(server: &mut Server, actor: Actor, client: &mut Client) -> Vec<ServerMessage> {
    let mut others = Vec::new();
    while let Some(message) = client.poll_message() {
        let reply = server.receive(actor, message, 0).unwrap();
        for answer in reply.sender {
            client.receive(answer).unwrap();
        }
        others.extend(reply.others);
    }
    others
}

fn hear(client: &mut Client, messages: Vec<ServerMessage>) -> Vec<TextOp> {
    let mut ops = Vec::new();
    for message in messages {
        ops.extend(text_ops(&client.receive(message).unwrap().changes));
    }
    ops
}

fn text_ops(changes: &Changes) -> Vec<TextOp> {
    let ops = changes.iter().flat_map(|update| match &update.detail {
        UpdateDetail::Text(ops) => ops.clone(),
        other => panic!("{other:?} is no change of a text"),
    });
    ops.collect()
}

fn text(document: &Document) -> String {
    document.at("/t").unwrap().as_text().unwrap().to_string()
}

fn text_id(document: &Document) -> NodeId {
    document.at("/t").unwrap().id().unwrap()
}

fn insert(index: i64, text: &str) -> TextOp {
    TextOp::Insert { index, text: text.into(), attributes: None }
}

#[test]
fn changes_say_what_was_inserted_deleted_and_formatted() {
    let mut server = server();
    let ((a, mut one), (_, mut other)) = (join(&mut server), join(&mut server));
    // Pending text far from what the other one does: it is neither repeated nor taken back.
    let typed = other.edit(|root| root.text("t")?.push("!")).unwrap();
    assert_eq!(text_ops(&typed.changes), [insert(11, "!")]);
    let edited = one.edit(|root| {
        let mut text = root.text("t")?;
        text.replace(0, 1, "J")?;
        text.format(6, 5, [("bold", true)])
    });
    let expected = [
        TextOp::Delete { index: 0, length: 1 },
        insert(0, "J"),
        TextOp::Format {
            index: 6,
            length: 5,
            attributes: Arc::new([("bold".into(), true.into())].into_iter().collect()),
        },
    ];
    assert_eq!(text_ops(&edited.unwrap().changes), expected);
    let news = exchange(&mut server, a, &mut one);
    assert_eq!(hear(&mut other, news), expected);
    assert_eq!(text(other.document()), "Jello world!");
}

#[test]
fn cursors_stay_where_they_are() {
    let mut server = server();
    let ((a, mut one), (_, mut other)) = (join(&mut server), join(&mut server));
    let id = text_id(other.document());
    let before = other.add_cursor(&id, 6, Bias::Before).unwrap();
    let after = other.add_cursor(&id, 6, Bias::After).unwrap();
    let end = other.add_cursor(&id, 1_000, Bias::After).unwrap();
    let places = |client: &Client| [before, after, end].map(|c| client.cursor(c).unwrap().1);
    assert_eq!(places(&other), [6, 6, 11]);
    one.edit(|root| root.text("t")?.insert(6, "wide ")).unwrap();
    let news = exchange(&mut server, a, &mut one);
    hear(&mut other, news);
    assert_eq!(places(&other), [6, 11, 16]);
    one.edit(|root| root.text("t")?.delete(0, 8)).unwrap();
    let news = exchange(&mut server, a, &mut one);
    hear(&mut other, news);
    assert_eq!(places(&other), [0, 3, 8]);
    one.edit(|root| root.delete("t")).unwrap();
    let news = exchange(&mut server, a, &mut one);
    other.receive(news.into_iter().next().unwrap()).unwrap();
    assert_eq!(other.cursor(after), None);
    assert_eq!(other.add_cursor(&id, 0, Bias::After), None);
    // The text comes back, and what is kept track of with it.
    one.undo();
    for news in exchange(&mut server, a, &mut one) {
        other.receive(news).unwrap();
    }
    assert_eq!(other.cursor(after), Some((&id, 3)));
    other.remove_cursor(after);
    assert_eq!(other.cursor(after), None);
}

/// Cursors go by the changes; when there are none any more, nothing is reported again.
#[test]
fn cursors_stay_where_they_are_though_no_changes_are_wanted() {
    let mut server = server();
    let ((a, mut one), (_, mut other)) = (join(&mut server), join(&mut server));
    other.set_change_reports(false);
    let id = text_id(other.document());
    let cursor = other.add_cursor(&id, 6, Bias::After).unwrap();
    assert!(!other.document().has_change_reports());
    let mut type_in = |other: &mut Client| {
        one.edit(|root| root.text("t")?.insert(0, "a")).unwrap();
        let news = exchange(&mut server, a, &mut one);
        hear(other, news).len()
    };
    assert_eq!((type_in(&mut other), other.cursor(cursor)), (1, Some((&id, 7))));
    other.remove_cursor(cursor);
    assert_eq!(type_in(&mut other), 0);
    assert_eq!(text(other.document()), "aaHello world");
}

/// What is typed while nobody knows what has arrived goes where it was typed, although the letters
/// around it are no help in finding the place.
#[test]
fn typing_on_after_a_lost_answer_is_exact() {
    for arrives in [true, false] {
        let mut server = server();
        let ((a, mut one), (b, mut other)) = (join(&mut server), join(&mut server));
        one.edit(|root| root.text("t")?.replace(0, 11, "aaaa")).unwrap();
        let news = exchange(&mut server, a, &mut one);
        hear(&mut other, news);

        one.edit(|root| root.text("t")?.insert(2, "a")).unwrap();
        let sent: Vec<ClientMessage> = std::iter::from_fn(|| one.poll_message()).collect();
        if arrives {
            for message in sent {
                let reply = server.receive(a, message, 0).unwrap();
                hear(&mut other, reply.others);
            }
        }
        server.disconnect(a);
        one.disconnected();
        // Right behind the letter that may have arrived.
        one.edit(|root| root.text("t")?.insert(3, "X")).unwrap();
        other.edit(|root| root.text("t")?.insert(0, "aaa")).unwrap();
        exchange(&mut server, b, &mut other);

        let a = server.connect(SessionOptions::default()).unwrap();
        one.connected(a);
        one.edit(|root| root.text("t")?.insert(4, "Y")).unwrap();
        let news = exchange(&mut server, a, &mut one);
        hear(&mut other, news);
        assert_eq!(one.status(), Status::Synchronized);
        for document in [one.document(), other.document(), server.document()] {
            assert_eq!(text(document), "aaaaaaXYaa", "the first update arrives: {arrives}");
        }
    }
}

/// An update that hangs on a version which the server no longer leads on from is not lost.
#[test]
fn a_client_that_was_away_for_long_loses_nothing() {
    let mut server = server();
    let ((a, mut one), (b, mut other)) = (join(&mut server), join(&mut server));
    server.disconnect(a);
    one.disconnected();
    one.edit(|root| root.text("t")?.insert(5, ", dear")).unwrap();
    for _ in 0..1_200 {
        other.edit(|root| root.text("t")?.push(".")).unwrap();
        exchange(&mut server, b, &mut other);
    }
    let a = server.connect(SessionOptions::default()).unwrap();
    one.connected(a);
    exchange(&mut server, a, &mut one);
    assert_eq!(one.status(), Status::Synchronized);
    assert_eq!(text(server.document()), format!("Hello, dear world{}", ".".repeat(1_200)));
    assert_eq!(text(one.document()), text(server.document()));
}

/// A text that was deleted and came back begins a new history.
#[test]
fn an_update_of_a_text_that_came_back_is_not_lost() {
    let mut server = server();
    let ((a, mut one), (b, mut other)) = (join(&mut server), join(&mut server));
    for letter in ["a", "b", "c"] {
        other.edit(|root| root.text("t")?.push(letter)).unwrap();
        hear(&mut one, exchange(&mut server, b, &mut other));
    }
    one.edit(|root| root.text("t")?.insert(0, "Oh! ")).unwrap();
    let sent: Vec<ClientMessage> = std::iter::from_fn(|| one.poll_message()).collect();
    other.edit(|root| root.text("t")?.push("d")).unwrap();
    let mut news = exchange(&mut server, b, &mut other);
    other.edit(|root| root.delete("t")).unwrap();
    news.extend(exchange(&mut server, b, &mut other));
    other.undo().unwrap();
    news.extend(exchange(&mut server, b, &mut other));
    for message in sent {
        let Reply { sender, .. } = server.receive(a, message, 0).unwrap();
        news.extend(sender);
    }
    for message in news {
        one.receive(message).unwrap();
    }
    exchange(&mut server, a, &mut one);
    assert_eq!(one.status(), Status::Synchronized);
    assert_eq!(text(server.document()), "Oh! Hello worldabcd");
    assert_eq!(text(one.document()), text(server.document()));
}

/// Texts remember which updates they took, also where the server remembers nothing else; but what
/// comes with one of those a second time is dropped.
#[test]
fn a_server_that_drops_what_is_new_in_a_repetition_is_made_up_for() {
    let options = ServerOptions::default().chunk_size(256).log_len(1_000_000).resend_window(0);
    let rules = Rules { options: Some(options), ..Rules::default() };
    let mut report = Report::default();
    for seed in 0..60 {
        report.run(Family::Typing, seed, 60, &rules);
    }
    println!("{report}");
    assert!(report.ops.rectified > 0);
    if let Some(failure) = report.failures.first() {
        panic!("{}", failure.shrunk(&rules));
    }
}

#[test]
fn the_host_confirms_uploads() {
    let file = |clock: u8| {
        FileMeta::new(format!("fl_01234567890123456789{clock}"), "a.png", 1, "image/png").unwrap()
    };
    let mut server = server().confirming_uploads(|file| {
        let uploaded = file.id().ends_with('1');
        uploaded.then_some(4_096).ok_or_else(|| "nothing was uploaded".to_owned())
    });
    let (a, mut one) = join(&mut server);
    one.edit(|root| root.set("file", file(1))).unwrap();
    exchange(&mut server, a, &mut one);
    for document in [one.document(), server.document()] {
        assert_eq!(document.at("/file").unwrap().to_json().get("size"), Some(&Json::from(4_096)));
    }
    one.edit(|root| root.set("file", file(2))).unwrap();
    let message = one.poll_message().unwrap();
    let answers = server.receive(a, message, 0).unwrap();
    assert!(answers.others.is_empty());
    let rejected = answers.sender.into_iter().flat_map(|m| one.receive(m).unwrap().rejected);
    assert_eq!(rejected.map(|(_, why)| why).collect::<Vec<_>>(), ["nothing was uploaded"]);
    assert_eq!(one.document().to_json(), server.document().to_json());
    assert_eq!(one.document().at("/file").unwrap().to_json().get("size"), Some(&Json::from(4_096)));
}

#[test]
fn a_file_says_what_is_wrong_with_it() {
    let new = |id: &str, size| FileMeta::new(id, "", size, "").map_err(|error| error.to_string());
    let id = "fl_0123456789abcdefghijk";
    assert!(new(id, (1 << 53) - 1).is_ok());
    assert_eq!(new(id, 1 << 53).unwrap_err(), "a file's size must be at most 2^53 - 1");
    assert_eq!(new(&id[1..], 1).unwrap_err(), "a file's id must start with fl_");
    assert_eq!(new(&id[..23], 1).unwrap_err(), "a file's id must be fl_ and 21 characters");
}
