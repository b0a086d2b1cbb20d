"""Contenders for the tests of locks: one body each, with a common method that reads under a lock."""

HEAD = '''
import json
import pickle
import zlib

from redis.lock import Lock

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee

COMPARE_AND_DELETE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class Planted(CachePattern):
    summary = "planted"
    guarantees = frozenset({Guarantee.RELEASES_ONLY_OWN_LOCK})

    def get(self, record_id):
        key = self.key(record_id)
        lock = f"lock:{key}"
        for _ in range(60):
            cached = self.redis.get(key)
            if cached is not None:
                return self.serializer.loads(cached)
            token = f"{self.context.rng.getrandbits(64):x}"
            if self.take(lock, token):
                try:
                    return self.fill(record_id)
                finally:
                    self.free(lock, token)
            self.wait_for_lock(lock)
            self.context.sleep(0.1)
        return self.source.load(record_id)

    def fill(self, record_id):
        record = self.source.load(record_id)
        self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def take(self, lock, token):
        return self.redis.set(lock, token, nx=True, px=10_000)

    def free(self, lock, token):
        self.redis.delete(lock)

    def wait_for_lock(self, lock):
        """What a client does before it waits for the lock."""

    def update(self, record_id, changes):
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id):
        self.redis.delete(self.key(record_id))
'''

FREED_BY_ANOTHER = {
    "the_value_is_a_json_object": """
    def take(self, lock, token):
        return self.redis.set(lock, json.dumps({"pid": 7, "token": token}), nx=True, px=10_000)
""",
    "the_value_is_a_pickle": """
    def take(self, lock, token):
        return self.redis.set(lock, pickle.dumps({"token": token}), nx=True, px=10_000)
""",
    "taken_by_setnx_freed_by_unlink": """
    def take(self, lock, token):
        return self.redis.setnx(lock, token)

    def free(self, lock, token):
        self.redis.unlink(lock)
""",
    "taken_in_a_transaction": """
    def take(self, lock, token):
        return self.redis.pipeline().setnx(lock, token).pexpire(lock, 10_000).execute()[0]
""",
    "taken_by_a_script_in_a_transaction": """
    def take(self, lock, token):
        pipe = self.redis.pipeline()
        pipe.eval("return redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', 10000)", 1, lock, token)
        return pipe.get(lock).execute()[0]
""",
    "taken_by_getset": """
    def take(self, lock, token):
        return self.redis.getset(lock, "taken") is None
""",
    "a_flag_set_and_reset_by_getset": """
    def take(self, lock, token):
        return self.redis.getset(lock, "1") in (None, b"0")

    def free(self, lock, token):
        self.redis.getset(lock, "0")
""",
    "taken_by_set_get": """
    def take(self, lock, token):
        return self.redis.set(lock, "taken", get=True, px=10_000) is None
""",
    "taken_after_a_read_by_exists": """
    def take(self, lock, token):
        return not self.redis.exists(lock) and self.redis.setex(lock, 10, token)
""",
    "taken_after_a_read_by_ttl": """
    def take(self, lock, token):
        return self.redis.ttl(lock) == -2 and self.redis.psetex(lock, 10_000, token)
""",
    "taken_after_a_read_of_a_field": """
    def take(self, lock, token):
        return self.redis.hget(lock, "owner") is None and self.redis.hset(lock, "owner", token)

    def free(self, lock, token):
        self.redis.hdel(lock, "owner")
""",
    "taken_by_set_nx_in_lua": """
    def take(self, lock, token):
        return self.redis.eval("return redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', 10000)", 1, lock, token)
""",
    "taken_by_exists_and_set_in_lua": """
    def take(self, lock, token):
        script = "if redis.call('exists', KEYS[1]) == 1 then return 0 end redis.call('set', KEYS[1], 1) return 1"
        return self.redis.eval(script, 1, lock)
""",
    "counted_in_lua": """
    def take(self, lock, token):
        return self.redis.eval("return redis.call('incr', KEYS[1])", 1, lock) == 1
""",
    "a_field_taken_and_freed_in_lua": """
    def take(self, lock, token):
        return self.redis.eval("return redis.call('hsetnx', KEYS[1], 'owner', ARGV[1])", 1, lock, token)

    def free(self, lock, token):
        self.redis.eval("return redis.call('hdel', KEYS[1], 'owner')", 1, lock)
""",
    "a_field_of_the_entry_s_hash": """
    def get(self, record_id):
        key = self.key(record_id)
        for _ in range(60):
            cached = self.redis.hget(key, "body")
            if cached is not None:
                return self.serializer.loads(cached)
            if self.redis.hsetnx(key, "owner", "me"):
                record = self.source.load(record_id)
                self.redis.hset(key, "body", self.serializer.dumps(record))
                self.redis.hdel(key, "owner")
                return record
            self.context.sleep(0.1)
        return self.source.load(record_id)
""",
    "counted_up_and_down": """
    def take(self, lock, token):
        if self.redis.incr(lock) == 1:
            return True
        self.redis.decr(lock)
        return False

    def free(self, lock, token):
        self.redis.decr(lock)
""",
    "counted_in_a_field": """
    def take(self, lock, token):
        return self.redis.hincrby(lock, "holders", 1) == 1

    def free(self, lock, token):
        self.redis.delete(lock)
""",
    "freed_by_getdel": """
    def free(self, lock, token):
        self.redis.getdel(lock)
""",
    "freed_by_rename": """
    def free(self, lock, token):
        try:
            self.redis.rename(lock, f"{lock}:old")
        except Exception:
            pass
""",
    "freed_by_expireat": """
    def free(self, lock, token):
        self.redis.expireat(lock, 1)
""",
    "freed_by_pexpire_of_a_millisecond": """
    def free(self, lock, token):
        self.redis.pexpire(lock, 1)
""",
    "freed_by_expire_below_zero": """
    def free(self, lock, token):
        self.redis.expire(lock, -1)
""",
    "freed_by_overwriting_in_lua": """
    def free(self, lock, token):
        self.redis.eval("return redis.call('set', KEYS[1], 'free', 'px', 1)", 1, lock)
""",
    "freed_in_a_pipeline_with_the_entry": """
    def free(self, lock, token):
        self.redis.pipeline(transaction=False).get("x").delete(lock).execute()
""",
    "freed_by_a_client_that_waited_too": """
    def free(self, lock, token):
        self.redis.eval(COMPARE_AND_DELETE, 1, lock, token)

    def wait_for_lock(self, lock):
        self.context.sleep(0.1)
        self.redis.delete(lock)
""",
    "redis_py_s_lock_with_a_bare_delete": """
    def take(self, lock, token):
        return Lock(self.redis, lock, timeout=10, blocking=False, sleep=0.1).acquire()
""",
}
"""A client frees, without a check, a lock that another client has taken in the meantime."""

FREED_BY_OWNERS = {
    "compare_and_delete": """
    def free(self, lock, token):
        self.redis.eval(COMPARE_AND_DELETE, 1, lock, token)
""",
    "redis_py_s_lock": """
    def take(self, lock, token):
        self.lock_object = Lock(self.redis, lock, timeout=10, blocking=False, thread_local=False)
        return self.lock_object.acquire()

    def free(self, lock, token):
        try:
            self.lock_object.release()
        except Exception:
            pass
""",
    "a_field_compared_and_deleted": """
    def take(self, lock, token):
        return self.redis.hsetnx(lock, "owner", token)

    def free(self, lock, token):
        script = "if redis.call('hget', KEYS[1], 'owner') == ARGV[1] then redis.call('hdel', KEYS[1], 'owner') end"
        self.redis.eval(script, 1, lock, token)
""",
    "taken_and_freed_in_lua": """
    def take(self, lock, token):
        script = "if redis.call('exists', KEYS[1]) == 1 then return 0 end redis.call('set', KEYS[1], ARGV[1]) return 1"
        return self.redis.eval(script, 1, lock, token)

    def free(self, lock, token):
        self.redis.eval(COMPARE_AND_DELETE, 1, lock, token)
""",
    "never_freed_but_by_its_ttl": """
    def free(self, lock, token):
        pass
""",
}
"""A client frees only its own lock."""

NO_LOCK = {
    "filled_with_nx_as_a_pickle": """
    def get(self, record_id):
        cached = self.redis.get(self.key(record_id))
        if cached is not None:
            return pickle.loads(cached)
        record = self.source.load(record_id)
        self.redis.set(self.key(record_id), pickle.dumps(record), nx=True, px=self.config.ttl_ms)
        return record
""",
    "filled_with_setnx_compressed": """
    def get(self, record_id):
        cached = self.redis.get(self.key(record_id))
        if cached is not None:
            return json.loads(zlib.decompress(cached))
        record = self.source.load(record_id)
        self.redis.setnx(self.key(record_id), zlib.compress(json.dumps(record).encode()))
        return record
""",
    "filled_with_nx_in_lua_as_a_list": """
    def get(self, record_id):
        cached = self.redis.get(self.key(record_id))
        if cached is not None:
            return dict(json.loads(cached))
        record = self.source.load(record_id)
        data = json.dumps(list(record.items()))
        self.redis.eval("return redis.call('set', KEYS[1], ARGV[1], 'nx')", 1, self.key(record_id), data)
        return record
""",
    "filled_into_a_field_by_hsetnx": """
    def get(self, record_id):
        cached = self.redis.hget(self.key(record_id), "body")
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        self.redis.hsetnx(self.key(record_id), "body", self.serializer.dumps(record))
        return record
""",
    "filled_and_loaded_again": """
    def get(self, record_id):
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        self.redis.set(key, self.serializer.dumps(record), nx=True)
        again = self.source.load(record_id)
        if again != record:
            self.redis.delete(key)
        return again
""",
    "a_placeholder_in_the_entry_s_place": """
    def get(self, record_id):
        key = self.key(record_id)
        for _ in range(60):
            cached = self.redis.get(key)
            if cached not in (None, b"loading"):
                return self.serializer.loads(cached)
            if self.redis.set(key, "loading", nx=True, px=10_000):
                return self.fill(record_id)
            self.context.sleep(0.1)
        return self.source.load(record_id)
""",
    "a_lease_that_readers_share_by_set_nx_get": """
    def get(self, record_id):
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        mine = f"{self.context.rng.getrandbits(64):x}".encode()
        token = self.redis.set(f"lease:{key}", mine, nx=True, get=True) or mine
        record = self.source.load(record_id)
        if self.redis.eval(COMPARE_AND_DELETE, 1, f"lease:{key}", token):
            self.redis.set(key, self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def invalidate(self, record_id):
        self.redis.delete(self.key(record_id), f"lease:{self.key(record_id)}")
""",
    "a_lease_that_readers_share_by_a_read_and_a_write": """
    def get(self, record_id):
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        token = self.redis.get(f"lease:{key}")
        if token is None:
            token = f"{self.context.rng.getrandbits(64):x}"
            self.redis.set(f"lease:{key}", token, px=10_000)
        record = self.source.load(record_id)
        if self.redis.eval(COMPARE_AND_DELETE, 1, f"lease:{key}", token):
            self.redis.set(key, self.serializer.dumps(record), px=self.config.ttl_ms)
        return record
""",
    "a_number_of_the_generation_made_by_readers": """
    def get(self, record_id):
        key = self.key(record_id)
        self.redis.set(f"generation:{key}", 0, nx=True)
        number = self.redis.get(f"generation:{key}") or b"0"
        cached = self.redis.get(f"{key}:{number.decode()}")
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        self.redis.set(f"{key}:{number.decode()}", self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def invalidate(self, record_id):
        self.redis.delete(f"generation:{self.key(record_id)}")
""",
    "a_count_of_misses": """
    def get(self, record_id):
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        self.redis.incr(f"misses:{key}")
        record = self.fill(record_id)
        self.redis.delete(f"misses:{key}")
        return record
""",
}
"""Keys that look like locks, but exclude no other client."""
