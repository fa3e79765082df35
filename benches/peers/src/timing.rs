//! Processor time: of the thread, so that other processes disturb it far less than the clock.

use std::hint::black_box;

use cpu_time::ThreadTime;

/// A measurement stops early, after whole runs, when it has taken this long.
pub(crate) const BUDGET_NS: f64 = 30e9;

/// What `work` returns, and the nanoseconds it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = ThreadTime::now();
    let result = black_box(work());
    let spent = start.elapsed();
    (result, spent.as_secs_f64() * 1e9)
}

/// The middle one.
pub(crate) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The median time of one of `items`, which are done in `runs` runs of equal size; and how many
/// have been done, since a slow engine is stopped when its time is up.
pub(crate) fn per_item<T>(items: &[T], runs: usize, mut each: impl FnMut(&T)) -> (f64, usize) {
    per_new(items.iter(), (runs, items.len().div_ceil(runs)), |item| each(item))
}

/// As [`per_item`], of items that are made just before the run of `each` that they are for, so that it is
/// not they that fill the caches.
pub(crate) fn per_new<T>(
    mut items: impl Iterator<Item = T>,
    (runs, each): (usize, usize),
    mut work: impl FnMut(&T),
) -> (f64, usize) {
    let (mut times, mut total, mut done) = (Vec::new(), 0.0, 0);
    for _ in 0..runs {
        let run: Vec<T> = items.by_ref().take(each).collect();
        if run.is_empty() || total > BUDGET_NS {
            break;
        }
        let ((), time) = timed(|| run.iter().for_each(&mut work));
        times.push(time / count(run.len()));
        total += time;
        done += run.len();
    }
    (median(times), done)
}

/// The median time of `work`, which is done `runs` times, each time on what `prepare` returns.
/// What it makes goes to `check` afterwards, untimed.
pub(crate) fn per_run<I, T>(
    runs: usize,
    mut prepare: impl FnMut() -> I,
    mut work: impl FnMut(I) -> T,
    mut check: impl FnMut(T),
) -> f64 {
    let (mut times, mut total) = (Vec::new(), 0.0);
    for _ in 0..runs {
        let input = prepare();
        let (result, time) = timed(|| work(input));
        check(result);
        times.push(time);
        total += time;
        if total > BUDGET_NS {
            break;
        }
    }
    median(times)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}
