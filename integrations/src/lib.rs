//! Examples and tests of handclasp with tokio, hyper, axum, WebSockets, proxies and browsers: see
//! `examples/` and `tests/`. The library itself is empty.

// The chapter of handclasp's guide about hyper is compiled here, where hyper is.
#[cfg(doctest)]
#[doc = include_str!("../../src/guide/hyper.md")]
mod hyper {}
