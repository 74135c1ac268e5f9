//! Tables for the observer.
