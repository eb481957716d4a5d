"""What gunicorn serves: `gunicorn -c config/gunicorn.conf.py wsgi:app`."""

from proxy.wsgi import app

__all__ = ["app"]
