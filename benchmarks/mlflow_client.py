"""What MLflow's users run, in the environment that has it: set an alias, download the model; and the upload before."""

import sys
from pathlib import Path

NAME, ALIAS = "flights", "prod"


def upload(server: str, model: Path) -> None:
    """Two versions of a registered model, the second with the alias; the first is the given file."""
    from mlflow import MlflowClient

    client = MlflowClient(server, server)
    client.create_registered_model(NAME)
    run = client.create_run(client.create_experiment(NAME))
    client.log_artifact(run.info.run_id, str(model), "model")
    for _ in range(2):
        version = client.create_model_version(NAME, f"{run.info.artifact_uri}/model", run.info.run_id)
    client.set_registered_model_alias(NAME, ALIAS, version.version)


def roll_back(server: str, directory: Path) -> None:
    """The alias to version 1, and the model that it then names into a directory."""
    from mlflow import MlflowClient, set_registry_uri, set_tracking_uri
    from mlflow.artifacts import download_artifacts

    set_tracking_uri(server)
    set_registry_uri(server)
    MlflowClient(server, server).set_registered_model_alias(NAME, ALIAS, "1")
    download_artifacts(f"models:/{NAME}@{ALIAS}", dst_path=str(directory))


if __name__ == "__main__":
    {"upload": upload, "rollback": roll_back}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
