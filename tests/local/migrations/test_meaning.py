"""The common meaning of two ways of writing a policy."""

import pytest

from local.migrations.meaning import meaning


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("(auth.uid() = user_id)", "(auth.uid() = user_id)"),
        ("(( SELECT auth.uid() AS uid) = user_id)", "(auth.uid() = user_id)"),
        ("(user_id = ( SELECT ( SELECT auth.uid() AS uid) AS uid))", "(user_id = auth.uid())"),
        ("(( SELECT ( SELECT ( SELECT auth.uid() AS uid) AS uid) AS uid) = id)", "(auth.uid() = id)"),
        ("( SELECT nexscout.is_admin() AS is_admin)", "nexscout.is_admin()"),
        (
            "(EXISTS ( SELECT 1 FROM s WHERE (s.user_id = ( SELECT auth.uid() AS uid))))",
            "(EXISTS ( SELECT 1 FROM s WHERE (s.user_id = auth.uid())))",
        ),
    ],
)
def test_rewritten_call_means_the_call(printed: str, meant: str) -> None:
    """A call that is wrapped into a select, even repeatedly, has the meaning of the call."""
    assert meaning(printed) == meant


@pytest.mark.parametrize(
    "printed",
    [
        "(( SELECT auth.role() AS role) = 'authenticated'::text)",
        "(( SELECT auth.uid() AS uid FROM public.admin_users) = user_id)",
        "(( SELECT auth.uid() AS uid) <> user_id)",
    ],
)
def test_other_meanings_stay_apart(printed: str) -> None:
    """No other expression gets the meaning of the usual policy."""
    assert meaning(printed) != "(auth.uid() = user_id)"
