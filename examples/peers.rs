//! Three people on a train edit one document. There is no server: whoever meets tells the other what is
//! missing there. In the end all of them have the same document.

use livetree::peer::{Turn, Version};
use livetree::{Actor, Document, Error, Lson, Peer, lson};

/// What one peer has that another lacks, as bytes: over Bluetooth, in a mail, on a stick.
fn packet(from: &Peer, to: &Version) -> Result<Vec<u8>, Error> {
    Ok(Turn::write_all(&from.turns_since(to)?))
}

/// Two meet: each says what it has, and gets what it lacks.
fn meet(a: &mut Peer, b: &mut Peer) -> Result<(), Error> {
    let (for_a, for_b) = (packet(b, a.version())?, packet(a, b.version())?);
    let changes = a.receive(Turn::read_all(&for_a)?)?;
    let others = b.receive(Turn::read_all(&for_b)?)?;
    println!(
        "{} and {} meet: {} and {} bytes, {} and {} containers change",
        a.actor(),
        b.actor(),
        for_a.len(),
        for_b.len(),
        changes.len(),
        others.len()
    );
    Ok(())
}

fn main() -> Result<(), Error> {
    let document = Document::from_lson(&lson!({
        "title": "Trip",
        "todos": ["tickets"],
        "notes": (Lson::text("Meet at the station.")),
    }))?;
    // Everybody begins with the same bytes.
    let bytes = document.to_snapshot();
    let join = |actor| Ok::<_, Error>(Peer::new(Actor(actor), Document::from_snapshot(&bytes)?));
    let (mut ann, mut ben, mut cleo) = (join(1)?, join(2)?, join(3)?);

    ann.edit(|root| {
        root.text("notes")?.insert(19, ", at noon")?;
        root.list("todos")?.push("map")
    })?;
    ben.edit(|root| {
        root.set("title", "Trip to the sea")?;
        root.text("notes")?.insert(19, " clock")
    })?;
    cleo.edit(|root| root.list("todos")?.insert(0, "breakfast"))?;

    meet(&mut ann, &mut ben)?;
    meet(&mut ben, &mut cleo)?;
    // The app of one of them ends and begins again with what it has saved.
    let mut cleo = Peer::restore(Actor(3), &cleo.save())?;
    cleo.edit(|root| root.text("notes")?.insert(0, "! "))?;
    meet(&mut cleo, &mut ann)?;
    meet(&mut ann, &mut ben)?;

    println!("{}", ann.document().to_json());
    assert_eq!(ann.document(), ben.document());
    assert_eq!(ann.document(), cleo.document());

    // All have everything, so nothing has to be kept that could take it back.
    let settled = ann.settle([ben.version(), cleo.version()]);
    println!("{settled} operations settled");
    Ok(())
}
