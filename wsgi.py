"""What gunicorn serves: `gunicorn -c config/gunicorn.conf.py wsgi:app`."""

from proxy.app import create_app
from proxy.settings import load

app = create_app(load())
