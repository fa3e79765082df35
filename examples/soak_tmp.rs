//! tmp
use livetree::testing::world::{
    script::{Family, Rules},
    soak::Report,
};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let fam = &a[1];
    let from: u64 = a[2].parse().unwrap();
    let n: u64 = a[3].parse().unwrap();
    let steps: usize = a[4].parse().unwrap();
    let shrink: usize = a.get(5).map_or(1, |s| s.parse().unwrap());
    std::panic::set_hook(Box::new(|_| {}));
    for family in Family::ALL {
        if fam != "all" && fam != family.name() {
            continue;
        }
        let mut r = Report::default();
        let t = std::time::SystemTime::now();
        for seed in from..from + n {
            r.run(family, seed, steps, &Rules::default());
        }
        println!("{}: {r} in {:?}", family.name(), t.elapsed().unwrap());
        let mut f = r.failures.clone();
        f.sort_by_key(|f| f.broken.step);
        for x in f.iter().take(3) {
            println!("{x}");
        }
        for x in f.iter().take(shrink) {
            println!("{}", x.shrunk(&Rules::default()));
        }
    }
}
