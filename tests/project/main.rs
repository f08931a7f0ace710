//! The project itself: its architecture, its packages, and its table of requirements.

mod architecture;
mod circles;
mod packages;
mod requirements;
mod sections;
