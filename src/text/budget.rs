//! How much may be done to carry updates over each other.

use super::history::UpdateError;

/// How many steps are left. A step is to carry one operation over another, or what takes as long.
///
/// At first there are enough for the part of a second, a thousand times what the longest absences need. Without a bound
/// two messages of a few megabytes would keep a server busy for an hour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(1 << 24)
    }
}

impl Budget {
    /// Without a bound.
    pub(super) fn unlimited() -> Self {
        Self(usize::MAX)
    }

    /// Deducts steps from those that are left.
    ///
    /// # Errors
    /// If they do not suffice; none are deducted then.
    #[inline]
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), UpdateError> {
        self.0 = self.0.checked_sub(steps).ok_or(UpdateError::TooOld)?;
        Ok(())
    }
}
