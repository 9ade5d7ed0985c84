//! A session that waits for its checkpoint to be stored before it goes on: what it is about to say to the server must not be forgotten.

/// How far that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Keeping {
    /// Nothing is waited for.
    #[default]
    Nothing,
    /// The next batch that is handed in holds it.
    Collecting,
    /// The batch on its way holds it.
    Storing,
}

impl Keeping {
    /// Something was handed in if it was to be; `begins`: no batch was on its way before, and `stores`: now one is. Whether all is stored by now.
    pub(super) fn submitted(&mut self, begins: bool, stores: bool) -> bool {
        if *self != Self::Collecting || !begins {
            return false;
        }
        *self = if stores { Self::Storing } else { Self::Nothing };
        !stores
    }

    /// A batch is stored. Whether it was the one.
    pub(super) fn stored(&mut self) -> bool {
        let was_it = *self == Self::Storing;
        if was_it {
            *self = Self::Nothing;
        }
        was_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_on_its_way_before_is_not_waited_for() {
        let mut keeping = Keeping::Collecting;
        assert!(!keeping.submitted(false, true), "another batch is still on its way");
        assert!(!keeping.stored(), "that one");
        assert!(!keeping.submitted(true, true));
        assert!(keeping.stored());
        assert!(!keeping.stored() && !keeping.submitted(true, true), "told once");
    }

    #[test]
    fn where_nothing_is_new_all_is_stored() {
        let mut keeping = Keeping::Collecting;
        assert!(keeping.submitted(true, false));
        assert_eq!(keeping, Keeping::Nothing);
    }
}
