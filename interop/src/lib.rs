//! Examples and tests of handclasp with tokio, hyper, WebSockets, proxies and browsers: see
//! `examples/` and `tests/`. The library itself is empty.

// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

// What the documentation of handclasp says about tokio is compiled here.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../src/guide/tokio.md")]
    mod tokio {}

    #[doc = include_str!("../../src/transport/tokio/example.md")]
    mod connector {}
}
