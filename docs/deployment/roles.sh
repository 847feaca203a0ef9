#!/bin/sh
# Makes the two logins and the database, when the data directory is new.
set -eu
psql --set=ON_ERROR_STOP=1 --username=postgres --no-psqlrc \
	--set=app="$FA_APP_PASSWORD" --set=owner="$FA_OWNER_PASSWORD" <<'SQL'
CREATE ROLE fa_owner LOGIN PASSWORD :'owner';
CREATE ROLE fa_app LOGIN PASSWORD :'app';
CREATE DATABASE fa_readiness OWNER fa_owner;
SQL
