-- The table of the three example services. psql "$DATABASE_URL" -f schema.sql
CREATE TABLE IF NOT EXISTS products (
    id integer PRIMARY KEY,
    title text NOT NULL,
    price numeric(10, 2) NOT NULL,
    version integer NOT NULL DEFAULT 1
);
INSERT INTO products (id, title, price)
SELECT n, 'product ' || n, 1 + n % 100 FROM generate_series(1, 1000) AS n
ON CONFLICT (id) DO NOTHING;
