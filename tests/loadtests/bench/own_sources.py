"""Loaders of users, as files for tests: over SQLAlchemy, over psycopg, and faulty ones."""

from pathlib import Path

TABLE = """
CREATE TABLE shelf.books AS SELECT md5(n::text)::uuid AS id, 'book ' || n AS title, 1 AS version
FROM generate_series(1, 60) AS n
"""

SQLALCHEMY = """
import uuid

import psycopg
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from stampede import RecordSource


class Base(DeclarativeBase):
    pass


class Book(Base):
    __tablename__ = "books"
    __table_args__ = {"schema": "shelf"}
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    version: Mapped[int]

    def columns(self):
        return {"id": str(self.id), "title": self.title, "version": self.version}


class Books(RecordSource):
    entity = "book"
    version = "version"

    def __init__(self, postgres_url, threads):
        super().__init__(postgres_url, threads)
        connect = lambda: psycopg.connect(postgres_url)
        self.engine = create_engine("postgresql+psycopg://", creator=connect, pool_size=threads, max_overflow=0)

    def load(self, record_id):
        with Session(self.engine) as session:
            book = session.get(Book, record_id)
            return None if book is None else book.columns()

    def update(self, record_id, changes):
        with Session(self.engine) as session, session.begin():
            book = session.get(Book, record_id, with_for_update=True)
            book.title, book.version = changes["text"], book.version + 1
            return book.columns()

    def ids(self):
        with Session(self.engine) as session:
            return list(session.scalars(select(Book.id).order_by(Book.id)))

    def close(self):
        self.engine.dispose()
"""

PSYCOPG = """
from typing import NamedTuple

import psycopg
from psycopg.rows import dict_row

from stampede import RecordSource


class Place(NamedTuple):
    title: str
    version: int


class Books(RecordSource):
    entity = "book"

    def load(self, record_id):
        with psycopg.connect(self.postgres_url, row_factory=dict_row) as connection:
            return connection.execute("SELECT title FROM shelf.books WHERE title = %s", [record_id.title]).fetchone()

    def ids(self):
        with psycopg.connect(self.postgres_url) as connection:
            return [Place(*row) for row in connection.execute("SELECT title, 1 FROM shelf.books ORDER BY title")]
"""

TEMPLATE = """
from stampede import RecordSource


class Mine(RecordSource):
    {attributes}

    def load(self, record_id):
        {load}

    def ids(self):
        {ids}

    {more}
"""


def faulty(
    *, load: str = "return {'id': record_id}", ids: str = "return [1, 2]", attributes: str = "pass", more: str = ""
) -> str:
    """A loader with these bodies of its methods."""
    return TEMPLATE.format(load=load, ids=ids, attributes=attributes, more=more)


def written(folder: Path, text: str) -> str:
    """The path of a file with that text."""
    path = folder / "my_source.py"
    path.write_text(text)
    return str(path)
