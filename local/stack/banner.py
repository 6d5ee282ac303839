"""The text that `nexscout dev` shows when it is ready: all addresses and how to call the functions."""

from local.stack.stack import Stack

CURL = """\
. {env}
TOKEN=$(curl -s "$SUPABASE_URL/auth/v1/token?grant_type=password" \\
  -H "apikey: $SUPABASE_PUBLISHABLE_KEY" -H 'Content-Type: application/json' \\
  -d "{{\\"email\\":\\"$DEMO_EMAIL\\",\\"password\\":\\"$DEMO_PASSWORD\\"}}" \\
  | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
curl -s "$SUPABASE_URL/functions/v1/generate-ai-content" -H "Authorization: Bearer $TOKEN" \\
  -H 'Content-Type: application/json' -d '{{"generationType": "message", \
"prospectId": "d0000000-0000-4000-8000-000000000001", "goal": "introduce", "tone": "warm"}}'"""


def banner(stack: Stack, seconds: float) -> str:
    """Return the text: all addresses and how to call the functions."""
    env = stack.env
    rows = {
        "API": stack.url,
        "functions": f"{stack.url}/functions/v1/",
        "chat page": f"{stack.url}/chat/{env['DEMO_CHAT_SLUG']}",
        "database": stack.database_url,
        "provider": env["OPENAI_BASE_URL"] + (" (simulated)" if stack.provider_url else ""),
        "publishable key": env["SUPABASE_PUBLISHABLE_KEY"],
        "secret key": env["SUPABASE_SECRET_KEY"],
        "sign-in, pro tier": f"{env['DEMO_EMAIL']} / {env['DEMO_PASSWORD']}",
        "sign-in, free tier": f"{env['OTHER_EMAIL']} / {env['OTHER_PASSWORD']}",
        "all of this": str(stack.folder / "env"),
        "logs": str(stack.logs),
    }
    table = "\n".join(f"  {name:18}  {value}" for name, value in rows.items())
    curl = CURL.format(env=stack.folder / "env")
    return f"NexScout is ready after {seconds:.1f} s. Ctrl-C stops it.\n\n{table}\n\nTry it:\n\n{curl}\n"
