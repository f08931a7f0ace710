//! The project itself: its architecture, and its table of requirements.

mod architecture;
mod circles;
mod requirements;
mod sections;
