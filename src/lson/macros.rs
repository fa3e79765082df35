//! The `lson!` macro: a document written down as one would in JSON.

/// Builds an [`Lson`](crate::Lson): `{...}` is a LiveObject, `[...]` a LiveList, anything else an
/// expression that converts to `Lson`, such as numbers, strings, [`Json`](crate::Json) and
/// other `Lson`s. Keys are literals, or expressions in parentheses.
///
/// ```
/// use livetree::{Json, Lson, lson};
/// let key = "b";
/// let value = lson!({
///     "title": "Roadmap",
///     "todos": [{ "text": "ship it", "done": false }, null, -1],
///     "shapes": Lson::map([("a", lson!({ "x": 1 + 1 }))]),
///     "style": Json::object([("bold".into(), true.into())]),
///     (key): Lson::text("Hello"),
/// });
/// let Lson::Object(entries) = value else { unreachable!() };
/// assert_eq!(entries.len(), 5);
/// ```
#[macro_export]
macro_rules! lson {
    (null) => { $crate::Lson::Json($crate::Json::Null) };
    ([ $($items:tt)* ]) => { $crate::lson!(@items [] $($items)*) };
    ({ $($entries:tt)* }) => { $crate::lson!(@entries [] $($entries)*) };

    // Items: those done in brackets, then what is left.
    (@items [$($done:expr,)*]) => {
        $crate::Lson::List(::std::vec![$($done,)*])
    };
    (@items [$($done:expr,)*] null $(, $($rest:tt)*)?) => {
        $crate::lson!(@items [$($done,)* $crate::lson!(null),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::lson!(@items [$($done,)* $crate::lson!([$($inner)*]),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::lson!(@items [$($done,)* $crate::lson!({$($inner)*}),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $value:expr $(, $($rest:tt)*)?) => {
        $crate::lson!(@items [$($done,)* $crate::lson!($value),] $($($rest)*)?)
    };

    // Entries, likewise.
    (@entries [$($done:expr,)*]) => {
        $crate::Lson::object::<$crate::SmallStr, $crate::Lson>([$($done,)*])
    };
    (@entries [$($done:expr,)*] $key:tt : null $(, $($rest:tt)*)?) => {
        $crate::lson!(@entries [$($done,)* (($key).into(), $crate::lson!(null)),] $($($rest)*)?)
    };
    (@entries [$($done:expr,)*] $key:tt : [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::lson!(@entries [$($done,)* (($key).into(), $crate::lson!([$($inner)*])),] $($($rest)*)?)
    };
    (@entries [$($done:expr,)*] $key:tt : {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::lson!(@entries [$($done,)* (($key).into(), $crate::lson!({$($inner)*})),] $($($rest)*)?)
    };
    (@entries [$($done:expr,)*] $key:tt : $value:expr $(, $($rest:tt)*)?) => {
        $crate::lson!(@entries [$($done,)* (($key).into(), $crate::lson!($value)),] $($($rest)*)?)
    };

    ($value:expr) => { $crate::Lson::from($value) };
}
