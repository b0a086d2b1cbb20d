"""The races page: who keeps which promise, and the shortest schedule that breaks one."""
